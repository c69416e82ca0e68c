/** From a scenario to what is trained: one layout that this machine can run, its tokens, and where its files go. */
import { totalmem } from 'node:os';
import { basename, join, resolve } from 'node:path';
import process from 'node:process';
import type { Corpus } from '../exec/data/corpus.ts';
import { BYTES_MAX } from '../exec/shared-memory.ts';
import type { Saving } from '../exec/training/order.ts';
import { unsupported } from '../exec/training/supported.ts';
import { explain, jobsOf, whyNot } from '../plan/explain.ts';
import type { Job } from '../scenario/job.ts';
import type { Tokenizer } from '../scenario/real-run.ts';
import type { Scenario } from '../scenario/scenario.ts';
import type { StageReport } from '../sim/evaluation.ts';
import { RANKS_MAX } from '../sim/message.ts';
import { formatBytes } from '../units/format.ts';
import { bytes } from '../units/quantity.ts';
import { EXIT, Refusal } from './exit.ts';
import type { Io } from './io.ts';
import { readCorpus } from './real-job.ts';
import type { RunOptions } from './run-options.ts';

export interface Setup {
  readonly scenario: Scenario;
  readonly job: Job;
  readonly corpus: Corpus;
  /** Letters, digits and dashes, the same each time that the scenario is run. */
  readonly name: string;
  /** Where the loss curve goes. */
  readonly folder: string;
  readonly saving: Saving | null;
  /** What tells the tokens of two runs apart. */
  readonly tokenizer: string;
}

interface Asked {
  readonly file: string | undefined;
  readonly options: RunOptions;
  readonly io: Io;
}

export const setUp = async (scenario: Scenario, { file, options, io }: Asked): Promise<Setup> => {
  refuseContradiction(options);
  const job = jobOf(withSteps(scenario, options.steps), options);
  refuseTooLarge(job);
  const corpus = await readCorpus(scenario, { file, verb: 'run', io });
  const name = runName(scenario, file);
  const tokenizer = `${tokenizerName(scenario.data.tokenizer)}, ${corpus.sequence} a sequence, text ${corpus.fingerprint.slice(0, 16)}`;
  const folder = resolve(io.folder, options.output ?? scenario.output ?? join('runs', name));
  const { checkpoint } = scenario;
  const saving =
    checkpoint === null
      ? null
      : { folder: resolve(io.folder, checkpoint.folder), run: name, keep: checkpoint.keep, tokenizer };
  return { scenario, job, corpus, name, folder, saving, tokenizer };
};

const withSteps = (scenario: Scenario, steps: number | undefined): Scenario =>
  steps === undefined ? scenario : { ...scenario, training: { ...scenario.training, steps } };

const refuse = (lines: readonly string[]): Refusal =>
  new Refusal(EXIT.usage, lines.map((line) => `error: ${line}`).join('\n'));

const refuseContradiction = (options: RunOptions): void => {
  const asked = (['fresh', 'resume', 'from'] as const).filter((option) => options[option] !== undefined);
  if (asked.length > 1)
    throw refuse([`${asked.map((option) => `--${option}`).join(' and ')} exclude each other; wanted one of them`]);
};

/** A run has one layout; a scenario that allows several was meant for `plan`. */
const jobOf = (scenario: Scenario, { drill }: RunOptions): Job => {
  const jobs = jobsOf(scenario, {});
  const [job] = jobs;
  if (job === undefined) throw new Refusal(EXIT.infeasible, `error: ${whyNot(scenario, {})}`);
  if (jobs.length > 1)
    throw refuse([
      `the scenario allows ${jobs.length} layouts; wanted one: fix layout, precision and recompute (\`angel-sim plan\` finds the best)`,
    ]);
  const complaints = [
    ...unsupported(job),
    ...(job.devices > RANKS_MAX
      ? [`devices: ${job.devices} are too many threads for one machine; wanted up to ${RANKS_MAX}`]
      : []),
    ...(drill !== undefined && drill.rank >= job.devices
      ? [`--drill: there is no rank ${drill.rank}; wanted 0 to ${job.devices - 1}`]
      : []),
  ];
  if (complaints.length > 0) throw refuse(complaints);
  return job;
};

/** The books say to the byte what a rank will allocate: the memory of a thread ends at 4 GiB, and that of the machine somewhere. */
const refuseTooLarge = (job: Job): void => {
  const peaks = explain(job, 'bound').evaluation.stages.map(heldBy);
  const [most, all] = [Math.max(...peaks), (job.devices / job.layout.pp) * peaks.reduce((sum, peak) => sum + peak, 0)];
  const stage = peaks.findIndex((peak) => peak === most);
  const machine = Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY);
  const complaints = [
    ...(most > BYTES_MAX
      ? [
          `a rank of stage ${stage} needs ${shown(most)}, ${shown(most - BYTES_MAX)} more than the ${shown(BYTES_MAX)} that a thread can have`,
        ]
      : []),
    ...(all > machine
      ? [`all ranks need ${shown(all)}, ${shown(all - machine)} more than the ${shown(machine)} of this machine`]
      : []),
  ];
  if (complaints.length === 0) return;
  const remedy = 'wanted a smaller model, sequence or microbatch, more stages or tensor ranks, or recompute: full';
  throw new Refusal(EXIT.infeasible, [...complaints.map((one) => `error: ${one}`), remedy].join('\n'));
};

const shown = (size: number): string => formatBytes(bytes(size));

/** What stands for memory that the runtime takes beside tensors is taken by nobody here. */
const heldBy = ({ memory: { total, byPurpose } }: StageReport): number =>
  total - byPurpose.framework - byPurpose.allocator;

const runName = ({ model }: Scenario, file: string | undefined): string => {
  const name = file === undefined || file === '-' ? model.name : basename(file).replace(/\.ya?ml$/u, '');
  return name.replaceAll(/[^\w-]+/gu, '-');
};

const tokenizerName = (tokenizer: Tokenizer): string => (tokenizer.kind === 'named' ? tokenizer.name : tokenizer.path);
