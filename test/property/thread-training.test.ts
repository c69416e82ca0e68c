/** The law that lets one thread stand for many in the other laws: on threads of their own, ranks learn the same, bit for bit. */
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { PROGRESS } from '../../src/actors/progress.ts';
import type { Observation } from '../../src/exec/training/observation.ts';
import { lossOf } from '../../src/exec/training/observation.ts';
import { train as trainOnThreads } from '../../src/exec/training/train.ts';
import type { CrewSettings } from '../../src/exec/wire.ts';
import type { Job } from '../../src/scenario/job.ts';
import { builtThread } from '../worlds/built-thread.ts';
import { nameOf } from '../worlds/job-case.ts';
import { anyRealJob } from '../worlds/real-jobs.ts';
import { MIXTURE_LAYOUTS, mixtureOn } from '../worlds/real-mixtures.ts';
import { corpusOf, train } from '../worlds/training.ts';

const STEPS = 2;
const built = builtThread('src/exec/training/training-thread.ts');
afterAll(() => built.remove());

/** Losses and norms of all gradients, by step. */
interface Learnt {
  readonly losses: readonly number[];
  readonly squares: readonly number[];
}

const onThreads = async (job: Job, settings: Partial<CrewSettings>): Promise<Learnt> => {
  const { sequence, globalBatch } = job.workload;
  const seen: Observation[] = [];
  const order = {
    job,
    itinerary: { first: 1, last: STEPS, validatesEvery: null, savesEvery: null },
    origin: { kind: 'seed', seed: 7 },
    saving: null,
    kernels: 'wasm',
    isTimed: false,
    corpus: corpusOf(job.model.vocabulary, { sequence, sequences: globalBatch * STEPS }),
  } as const;
  const watching = { onObservation: (one: Observation) => void seen.push(one), settings };
  const { ranks } = await trainOnThreads(order, watching, built.file).ended;
  // A sleep that took too long is a wake-up that was lost.
  expect(ranks.map(({ sleepsTooLong }) => sleepsTooLong)).toEqual(ranks.map(() => 0));
  return {
    losses: seen.map((one) => lossOf(job, one)),
    squares: seen.map(({ numbers }) => numbers[PROGRESS.indexOf('squares')]!),
  };
};

const anyJob = fc.oneof(
  fc.constantFrom(2, 4, 8).chain((devices) => anyRealJob(devices)),
  fc.constantFrom(...Object.values(MIXTURE_LAYOUTS)).map((layout) => mixtureOn(layout)),
);
/** Rings of two slots are full most of the time; ranks that never spin sleep whenever they wait. */
const anySettings = fc.constantFrom<Partial<CrewSettings>>({}, { slots: 2 }, { slots: 2, spins: 0 });

test('a job on threads learns what it learns in one thread, to the last bit, however full its rings are', async () => {
  await fc.assert(
    fc.asyncProperty(anyJob, anySettings, async (job, settings) => {
      const { losses, squares } = train(job, { steps: STEPS });
      expect(await onThreads(job, settings), nameOf(job)).toEqual({ losses, squares });
    }),
    { numRuns: 6 },
  );
});
