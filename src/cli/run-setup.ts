/** From a scenario to what is trained: one layout that this machine can run, its tokens, and where its files go. */
import { basename, join, resolve } from 'node:path';
import type { StoredData } from '../exec/checkpoint/manifest.ts';
import { dataOf } from '../exec/checkpoint/settings.ts';
import type { Corpus } from '../exec/data/corpus.ts';
import type { Saving } from '../exec/training/order.ts';
import type { Job } from '../scenario/job.ts';
import type { Scenario } from '../scenario/scenario.ts';
import { EXIT, Refusal } from './exit.ts';
import type { Io } from './io.ts';
import type { Placed } from './question.ts';
import { realJob } from './real-job.ts';
import type { RunOptions } from './run-options.ts';

export interface Setup {
  readonly scenario: Scenario;
  readonly title: string;
  readonly job: Job;
  /** The last step of this run. */
  readonly last: number;
  readonly corpus: Corpus;
  /** Letters, digits and dashes, the same each time that the scenario is run. */
  readonly name: string;
  /** Where the loss curve goes. */
  readonly folder: string;
  readonly saving: Saving | null;
  /** What tells the samples of two runs apart. */
  readonly data: StoredData;
}

interface Asked {
  readonly file: string | undefined;
  readonly options: RunOptions;
  readonly io: Io;
}

export const setUp = async (placed: Placed, { file, options, io }: Asked): Promise<Setup> => {
  refuseContradiction(options);
  const { scenario } = placed;
  const { job: asked, corpus } = await realJob(placed, { file, verb: 'run', io });
  refuseStranger(asked, options);
  const last = lastStep(asked, options);
  const job = withinSplit(asked, corpus, io);
  const name = runName(scenario, file);
  const data = dataOf(corpus, scenario.data.tokenizer);
  const folder = resolve(io.folder, options.output ?? scenario.output ?? join('runs', name));
  const { checkpoint } = scenario;
  const saving =
    checkpoint === null
      ? null
      : { folder: resolve(io.folder, checkpoint.folder), run: name, keep: checkpoint.keep, data };
  return { scenario, title: titleOf(scenario), job, last, corpus, name, folder, saving, data };
};

/** A validation that begins again would count the sequences of the split's beginning twice. */
const withinSplit = (job: Job, { splits }: Corpus, { stderr }: Io): Job => {
  const { validation } = job.training;
  if (validation === null) return job;
  const batches = Math.max(1, Math.floor(splits.validation.sequences / job.workload.globalBatch));
  if (validation.batches <= batches) return job;
  stderr.write(
    `train.validation.batches: ${validation.batches} are more than the ${batches} whole batches of the validation split; ${batches} will do\n`,
  );
  return { ...job, training: { ...job.training, validation: { ...validation, batches } } };
};

/** `--steps` ends a run early and bends nothing: the learning rate falls as it would in the whole run, which can go on. */
const lastStep = ({ training }: Job, { steps = training.steps }: RunOptions): number => {
  if (steps <= training.steps) return steps;
  throw refuse([
    `--steps ${steps}: the run has ${training.steps}; wanted no more, or --set train.steps=${steps} for a longer one`,
  ]);
};

const refuse = (lines: readonly string[]): Refusal =>
  new Refusal(EXIT.usage, lines.map((line) => `error: ${line}`).join('\n'));

const refuseContradiction = (options: RunOptions): void => {
  const asked = (['fresh', 'resume', 'from'] as const).filter((option) => options[option] !== undefined);
  if (asked.length > 1)
    throw refuse([`${asked.map((option) => `--${option}`).join(' and ')} exclude each other; wanted one of them`]);
};

const refuseStranger = ({ devices }: Job, { drill }: RunOptions): void => {
  if (drill !== undefined && drill.rank >= devices)
    throw refuse([`--drill: there is no rank ${drill.rank}; wanted 0 to ${devices - 1}`]);
};

/** Where nobody has given a title it names the cluster, and whatever that is, the run is on this machine. */
const titleOf = ({ title, model, cluster }: Scenario): string =>
  title === `${model.name} on ${cluster.name}` ? `${model.name} on this machine` : title;

const runName = ({ model }: Scenario, file: string | undefined): string => {
  const name = file === undefined || file === '-' ? model.name : basename(file).replace(/\.ya?ml$/u, '');
  return name.replaceAll(/[^\w-]+/gu, '-');
};
