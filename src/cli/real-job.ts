/** From a scenario to what this machine can really run: one job, its tokens, and a few of its steps. */
import { dirname, resolve } from 'node:path';
import type { Itinerary } from '../actors/itinerary.ts';
import { hostOf } from '../exec/calibration/host.ts';
import type { Corpus } from '../exec/data/corpus.ts';
import { loadCorpus } from '../exec/data/load-corpus.ts';
import type { Observation } from '../exec/training/observation.ts';
import type { KernelChoice } from '../exec/training/order.ts';
import { unsupported } from '../exec/training/supported.ts';
import type { TrainedJob } from '../exec/training/train.ts';
import { train } from '../exec/training/train.ts';
import { crowding } from '../plan/machine-room.ts';
import type { OnlyJob } from '../plan/only-job.ts';
import { onlyJob } from '../plan/only-job.ts';
import type { Finding } from '../scenario/complaint.ts';
import type { Job } from '../scenario/job.ts';
import { THREADS_MAX } from '../scenario/machine.ts';
import { RANKS_MAX } from '../sim/message.ts';
import { bytes } from '../units/quantity.ts';
import { EXIT, Refusal } from './exit.ts';
import type { Io } from './io.ts';
import type { Placed } from './question.ts';

/** The job whose every message is to be simulated, or a refusal with all that is against it. */
export const followedJob = (
  placed: Placed,
  { verb, most = RANKS_MAX }: { readonly verb: string; readonly most?: number },
): Job => {
  const only = layoutOf(placed, verb);
  const complaints = [...openAxes(only), ...tooManyRanks(only, { most, what: 'to follow every message of' })];
  if (only.kind === 'job' && complaints.length === 0) return only.job;
  throw new Refusal(EXIT.badInput, [...placed.linesOf(complaints), `Nothing was ${verb}.`].join('\n'));
};

export interface RealJob {
  readonly job: Job;
  readonly corpus: Corpus;
}

/** The job that this machine can train, and its tokens, or a refusal with all that is against it; `verb` says what was not done. */
export const realJob = async (
  placed: Placed,
  { file, verb, io }: { readonly file: string | undefined; readonly verb: string; readonly io: Io },
): Promise<RealJob> => {
  const only = layoutOf(placed, verb);
  const findings = [
    ...openAxes(only),
    ...tooManyRanks(only, { most: THREADS_MAX, what: 'threads for one machine' }),
    ...(only.kind === 'job' ? unsupported(only.job) : []),
  ];
  const folders = [...(file === undefined ? [] : [resolve(io.folder, dirname(file))]), io.folder];
  const reading = await loadCorpus(placed.scenario, folders);
  const faults = reading.kind === 'corpus' ? { findings: [], complaints: [] } : reading;
  const complaints = [...placed.linesOf([...findings, ...faults.findings]), ...faults.complaints];
  if (only.kind !== 'job' || reading.kind !== 'corpus' || complaints.length > 0)
    throw new Refusal(EXIT.badInput, [...complaints, `Nothing was ${verb}.`].join('\n'));
  refuseTooLarge(only.job);
  return { job: only.job, corpus: reading.corpus };
};

/** One layout or several; a refusal where the rules allow none. */
const layoutOf = ({ scenario, linesOf }: Placed, verb: string): Exclude<OnlyJob, { readonly kind: 'none' }> => {
  const only = onlyJob(scenario);
  if (only.kind !== 'none') return only;
  throw new Refusal(EXIT.infeasible, [...linesOf(only.findings), `Nothing was ${verb}.`].join('\n'));
};

const openAxes = (only: OnlyJob): readonly Finding[] => {
  if (only.kind !== 'several') return [];
  const message = `${only.count} layouts are allowed; wanted one (\`angel-sim plan\` finds the best of all)`;
  return [{ path: 'layout', message, suggestion: null }, ...only.findings];
};

const tooManyRanks = (only: OnlyJob, { most, what }: { most: number; what: string }): readonly Finding[] =>
  only.kind === 'job' && only.job.devices > most
    ? [{ path: 'devices', message: `${only.job.devices} are too many ${what}; wanted up to ${most}`, suggestion: null }]
    : [];

const refuseTooLarge = (job: Job): void => {
  const complaints = crowding(job, bytes(hostOf().memory));
  if (complaints.length === 0) return;
  const remedy = 'wanted a smaller model, sequence or microbatch, more stages or tensor ranks, or recompute: full';
  throw new Refusal(EXIT.infeasible, [...complaints.map((one) => `error: ${one}`), remedy].join('\n'));
};

/** The first steps are slower: code is still being compiled, and memory grows. */
export const SKIPPED = 10;

/** Steps from the first on, with nothing between them. */
export const stepsAlone = (count: number): Itinerary => ({
  first: 1,
  last: count,
  validatesEvery: null,
  savesEvery: null,
});

export interface RealSteps {
  readonly trained: TrainedJob;
  readonly observations: readonly Observation[];
  readonly backend: string;
}

/** Trains so many steps from the seed, saving nothing; an interruption ends them at once. */
export const trainSteps = async (
  job: Job,
  {
    corpus,
    steps,
    kernels,
    isTraced,
    isDetailed = false,
    io,
  }: {
    readonly corpus: Corpus;
    readonly steps: number;
    readonly kernels: KernelChoice;
    /** All that happens is written down, which takes time of its own. */
    readonly isTraced: boolean;
    readonly isDetailed?: boolean;
    readonly io: Io;
  },
): Promise<RealSteps> => {
  const observations: Observation[] = [];
  const seen = { backend: '' };
  const origin = { kind: 'seed', seed: job.training.seed } as const;
  const running = train(
    { job, itinerary: stepsAlone(steps), origin, saving: null, kernels, isTimed: false, corpus },
    {
      onObservation: (observation) => void observations.push(observation),
      onBackend: (name) => {
        seen.backend = name;
      },
      settings: { isTraced, isDetailed },
    },
  );
  const release = io.onInterrupt(() => io.halt(EXIT.interrupted));
  try {
    return { trained: await running.ended, observations, backend: seen.backend };
  } finally {
    release();
  }
};
