/** From a scenario to what this machine can really run: one job, its tokens, and a few of its steps. */
import { dirname, resolve } from 'node:path';
import type { Itinerary } from '../actors/itinerary.ts';
import type { Corpus } from '../exec/data/corpus.ts';
import { loadCorpus } from '../exec/data/load-corpus.ts';
import type { Observation } from '../exec/training/observation.ts';
import type { KernelChoice } from '../exec/training/order.ts';
import { unsupported } from '../exec/training/supported.ts';
import type { TrainedJob } from '../exec/training/train.ts';
import { train } from '../exec/training/train.ts';
import { jobsOf, whyNot } from '../plan/explain.ts';
import type { Job } from '../scenario/job.ts';
import type { Scenario } from '../scenario/scenario.ts';
import { RANKS_MAX } from '../sim/message.ts';
import { EXIT, Refusal } from './exit.ts';
import type { Io } from './io.ts';

/** The one layout of the scenario, or a refusal with all that is against it. */
export const oneJob = (scenario: Scenario, { isReal }: { readonly isReal: boolean }): Job => {
  const jobs = jobsOf(scenario, {});
  const [job] = jobs;
  if (job === undefined) throw new Refusal(EXIT.infeasible, whyNot(scenario, {}));
  const complaints = [
    ...(jobs.length > 1
      ? [`the scenario allows ${jobs.length} layouts; wanted one: fix layout, precision and recompute`]
      : []),
    ...(job.devices > RANKS_MAX
      ? [`devices: ${job.devices} are too many to follow every message of; wanted up to ${RANKS_MAX}`]
      : []),
    ...(isReal ? unsupported(job) : []),
  ];
  if (complaints.length === 0) return job;
  throw new Refusal(EXIT.usage, complaints.map((line) => `error: ${line}`).join('\n'));
};

/** The tokens that the scenario names, or every complaint about them; `verb` says what was not done. */
export const readCorpus = async (
  scenario: Scenario,
  { file, verb, io }: { readonly file: string | undefined; readonly verb: string; readonly io: Io },
): Promise<Corpus> => {
  const folders = [...(file === undefined ? [] : [resolve(io.folder, dirname(file))]), io.folder];
  const reading = await loadCorpus(scenario, folders);
  if (reading.kind === 'corpus') return reading.corpus;
  throw new Refusal(EXIT.badInput, [...reading.complaints, `Nothing was ${verb}.`].join('\n'));
};

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
    io,
  }: {
    readonly corpus: Corpus;
    readonly steps: number;
    readonly kernels: KernelChoice;
    /** All that happens is written down, which takes time of its own. */
    readonly isTraced: boolean;
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
      settings: { isTraced },
    },
  );
  const release = io.onInterrupt(() => io.halt(EXIT.interrupted));
  try {
    return { trained: await running.ended, observations, backend: seen.backend };
  } finally {
    release();
  }
};
