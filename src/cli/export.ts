/** `angel-sim export`: a checkpoint as a model that the transformers library loads. */
import { basename, resolve } from 'node:path';
import type { Command } from 'commander';
import { localDisk } from '../exec/checkpoint/disk.ts';
import type { Manifest } from '../exec/checkpoint/manifest.ts';
import { CheckpointReader } from '../exec/checkpoint/reader.ts';
import { verify } from '../exec/checkpoint/verify.ts';
import { floatTypeOf } from '../exec/checkpoint/floats.ts';
import { exportModel } from '../exec/hugging-face/export.ts';
import { familyOf } from '../exec/hugging-face/families.ts';
import { tokenizerFiles } from '../exec/hugging-face/tokenizer-files.ts';
import { CONSTANTS } from '../exec/training/states-origin.ts';
import { FORMATS } from '../model/precision.ts';
import { PRECISIONS } from '../scenario/job.ts';
import type { Model } from '../scenario/model.ts';
import { EXIT } from './exit.ts';
import type { Io } from './io.ts';
import { checkpointAt, inWords } from './run-start.ts';

interface ExportOptions {
  readonly output: string;
}

export const define = (command: Command, io: Io, end: (code: number) => void): void => {
  command
    .argument('<CHECKPOINT>', 'a checkpoint, or the folder that a run keeps its checkpoints in: its last one')
    .requiredOption('-o, --output <folder>', 'a new folder for config.json, model.safetensors and the tokenizer')
    .addHelpText(
      'after',
      '\nExamples:\n  angel-sim export checkpoints/tiny-gpt -o tiny-gpt-trained\n  angel-sim run scenarios/runs/tiny-gpt.yaml --from tiny-gpt-trained',
    )
    .action((checkpoint: string, options: ExportOptions) => end(exportCheckpoint(checkpoint, options, io)));
};

const exportCheckpoint = (checkpoint: string, { output }: ExportOptions, io: Io): number =>
  inWords(() => {
    const path = checkpointAt(resolve(io.folder, checkpoint));
    const { progress } = verify(localDisk, path);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a manifest that is as it was stored holds the run's own model
    const model = progress.model as unknown as Model;
    const positions = model.positions > 0 ? model.positions : POSITIONS;
    const tokenizer = tokenizerFiles(localDisk, progress.data, positions);
    const source = new CheckpointReader(localDisk, path);
    try {
      const extent = { ...CONSTANTS, positions, first: null, last: null };
      exportModel(localDisk, resolve(io.folder, output), {
        model,
        source,
        extent,
        type: typeOf(progress),
        beside: tokenizer.files,
      });
    } finally {
      source.close();
    }
    io.stdout.write(
      `${familyOf(model).name} behind step ${progress.step} (${basename(path)}) in ${output}${tokenizer.advice === null ? '' : `; ${tokenizer.advice}`}\n`,
    );
    return EXIT.ok;
  });

/** Of models that say nothing of a longest sequence: what Llama was trained on. */
const POSITIONS = 2048;

/** The format of the weights while they were trained. */
const typeOf = ({ precision }: Manifest['progress']): ReturnType<typeof floatTypeOf> => {
  const known = PRECISIONS.find((name) => name === precision);
  if (known === undefined) throw new RangeError(`a checkpoint of the precision ${precision}`);
  return floatTypeOf(FORMATS[known].weight);
};
