/** Where a run begins: with the seed, with a published model's weights, or behind the last step of a checkpoint. */
import { resolve } from 'node:path';
import { localDisk } from '../exec/checkpoint/disk.ts';
import { CheckpointFault } from '../exec/checkpoint/fault.ts';
import { latestIn, openFolder } from '../exec/checkpoint/folder.ts';
import type { Manifest } from '../exec/checkpoint/manifest.ts';
import { refuseOther, verify } from '../exec/checkpoint/verify.ts';
import { refuseOtherWeights } from '../exec/hugging-face/import.ts';
import type { Origin } from '../exec/training/order.ts';
import { CONSTANTS } from '../exec/training/states-origin.ts';
import { tensorsOf } from '../model/shares.ts';
import { EXIT, Refusal } from './exit.ts';
import type { Io } from './io.ts';
import type { RunOptions } from './run-options.ts';
import type { Setup } from './run-setup.ts';

export interface Start {
  readonly origin: Origin;
  /** Number of the first step. */
  readonly first: number;
  /** In words. */
  readonly what: string;
}

/** What an interrupted run left half-written goes. */
export const putFolderInOrder = ({ saving, name }: Setup): void => {
  if (saving !== null) inWords(() => openFolder({ disk: localDisk, path: saving.folder, run: name }));
};

/** What goes wrong with files is said in words, and is not a mistake of ours. */
export const inWords = <Result>(act: () => Result): Result => {
  try {
    return act();
  } catch (error) {
    if (error instanceof CheckpointFault) throw new Refusal(EXIT.badInput, `error: ${error.message}`);
    throw error;
  }
};

export const whereToStart = (setup: Setup, options: RunOptions, io: Io): Start => {
  const { job, saving } = setup;
  if (options.from !== undefined) return fromPublished(resolve(io.folder, options.from), setup);
  if (options.resume !== undefined) return behind(checkpointAt(resolve(io.folder, options.resume)), setup);
  const found = saving === null || options.fresh === true ? null : latestIn(localDisk, saving.folder);
  if (found !== null) return behind(found, setup);
  return { origin: { kind: 'seed', seed: job.training.seed }, first: 1, what: 'the seed' };
};

const fromPublished = (path: string, { job }: Setup): Start => {
  inWords(() => refuseOtherWeights(localDisk, path, { model: job.model, constants: CONSTANTS }));
  return { origin: { kind: 'published', path }, first: 1, what: path };
};

/** A checkpoint itself, or the folder that a run keeps its checkpoints in. */
export const checkpointAt = (path: string): string => inWords(() => latestIn(localDisk, path)) ?? path;

const behind = (path: string, setup: Setup): Start =>
  inWords(() => {
    const manifest = verify(localDisk, path);
    refuseOthers(path, manifest, setup);
    return { origin: { kind: 'checkpoint', path }, first: manifest.progress.step + 1, what: path };
  });

/** The same samples in the same order, or it would be another run that goes on. */
const refuseOthers = (path: string, manifest: Manifest, { job, tokenizer }: Setup): void => {
  const { model, workload, training } = job;
  refuseOther(path, manifest, {
    model,
    tokenizer,
    shapes: tensorsOf(model),
    seed: training.seed,
    globalBatch: workload.globalBatch,
  });
};
