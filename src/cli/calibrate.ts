/** `angel-sim calibrate`: measures this machine into a cluster file, so that runs on it can be planned. */
import { basename } from 'node:path';
import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import { calibrate } from '../exec/calibration/calibrate.ts';
import type { KernelChoice } from '../exec/training/order.ts';
import { jobsOf } from '../plan/explain.ts';
import { calibrationText } from '../report/calibration.ts';
import { CALIBRATED, clusterYaml } from '../report/cluster-yaml.ts';
import type { Job } from '../scenario/job.ts';
import { parseScenario } from '../scenario/parse.ts';
import { paintFor } from './colours.ts';
import { EXIT } from './exit.ts';
import { libraryFor } from './files.ts';
import type { Io } from './io.ts';
import { isWatched } from './io.ts';
import { NewFile } from './new-file.ts';

interface CalibrateOptions {
  readonly output?: string;
  readonly kernels: KernelChoice;
}

export const define = (command: Command, io: Io, end: (code: number) => void): void => {
  command
    .option('-o, --output <CLUSTER.yaml>', 'the file to write; without it the cluster is printed', yamlName)
    .addOption(
      new Option('--kernels <who>', 'who multiplies, as in angel-sim run')
        .choices(['auto', 'wasm', 'native'])
        .default('auto'),
    )
    .addHelpText(
      'after',
      '\nTakes a minute or two, in which nothing else should run. Name the file as the cluster of a scenario.',
    )
    .action(async (options: CalibrateOptions) => end(await run(options, io)));
};

const YAML_FILE = /\.ya?ml$/u;
const yamlName = (value: string): string => {
  if (YAML_FILE.test(value)) return value;
  throw new InvalidArgumentError('wanted a name that ends in .yaml, as scenarios name clusters by.');
};

const run = async ({ output, kernels }: CalibrateOptions, io: Io): Promise<number> => {
  const file = output === undefined ? null : new NewFile(output, { folder: io.folder, mark: CALIBRATED });
  const stop = io.onInterrupt(() => {
    file?.drop();
    io.halt(EXIT.interrupted);
  });
  try {
    const found = await calibrate({ jobs: lessons(io), kernels, onPart: progressOn(io) });
    const name = basename(output ?? 'this-machine.yaml').replace(YAML_FILE, '');
    const text = clusterYaml(found, { name, date: new Date().toISOString().slice(0, 10) });
    file?.write(text);
    io.stdout.write(file === null ? text : calibrationText(found, paintFor(io)));
    return EXIT.ok;
  } finally {
    stop();
    file?.drop();
  }
};

/** Return to the start of the line and clear it. */
const ERASE = '\r\u001b[K';

const progressOn = (io: Io): ((name: string, index: number, count: number) => void) =>
  isWatched(io)
    ? (name, index, count) => {
        const line = `calibrating, ${index + 1} of ${count}: ${name}`;
        io.stderr.write(ERASE + line.slice(0, io.stderr.columns - 1) + (index + 1 === count ? ERASE : ''));
      }
    : () => undefined;

/**
 * Small models whose every operation is timed: a GPT and a Llama, narrow and wide, so that each product is seen in several
 * shapes; none of them is a scenario that ships.
 */
const MODELS = [
  { model: '{ base: tiny-gpt, layers: 2, hidden: 96, heads: 3, vocabulary: 384 }', sequence: 192, microbatch: 1 },
  { model: '{ base: tiny-gpt, layers: 2, hidden: 192, heads: 6, vocabulary: 512 }', sequence: 96, microbatch: 8 },
  { model: '{ base: tiny-gpt, layers: 1, hidden: 320, heads: 5, vocabulary: 1024 }', sequence: 160, microbatch: 2 },
  {
    model: '{ base: tiny-llama, layers: 2, hidden: 96, heads: 3, kvHeads: 1, ffn: 256, vocabulary: 384 }',
    sequence: 160,
    microbatch: 3,
  },
  {
    model: '{ base: tiny-llama, layers: 2, hidden: 256, heads: 4, kvHeads: 2, ffn: 640, vocabulary: 512 }',
    sequence: 96,
    microbatch: 6,
  },
];
const FORMATS = ['fp32', 'bf16'];

const lessons = (io: Io): readonly Job[] =>
  FORMATS.flatMap((precision) =>
    MODELS.map(({ model, sequence, microbatch }) => {
      const text = [
        `model: ${model}`,
        'cluster: local-cpu',
        'devices: 1',
        `workload: { sequence: ${sequence}, globalBatch: ${2 * microbatch} }`,
        `layout: { tp: 1, pp: 1, vp: 1, cp: 1, ep: 1, dp: 1, microbatch: ${microbatch}, schedule: 1f1b, zero: 0 }`,
        `precision: ${precision}`,
        'recompute: none',
      ].join('\n');
      const parsed = parseScenario({ file: 'calibration', text }, libraryFor(undefined, io));
      if (parsed.kind !== 'scenario') throw new Error(parsed.complaints.map(({ message }) => message).join('; '));
      const [job] = jobsOf(parsed.scenario, { sequenceParallel: 'false' });
      if (job === undefined) throw new Error(`no layout for ${model}`);
      return job;
    }),
  );
