/** The law that the product stands on: however a job is spread over ranks, it learns what one rank would learn. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { initialStates } from '../../src/exec/checkpoint/held-states.ts';
import type { StatesSource } from '../../src/exec/checkpoint/reader.ts';
import type { Job, Layout } from '../../src/scenario/job.ts';
import { nameOf } from '../worlds/job-case.ts';
import { anyRealJob, onOneRank, REAL_FAMILIES, smallJob } from '../worlds/real-jobs.ts';
import { tinyJob } from '../worlds/jobs.ts';
import type { Trained } from '../worlds/training.ts';
import { train } from '../worlds/training.ts';

/** Of the largest step that any element of the tensor took: with plain descent steps are gradients. */
const TOLERANCE = 1e-5;
/** Two roundings to fp32 of the weights that the steps are the differences of. */
const ROUNDING = 2 ** -22;
/** Gradients that vanish by themselves, as those of the biases of keys do, are compared with this. */
const FLOOR = 1e-3;

const largest = (values: Float64Array): number => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
const minus = (a: Float64Array, b: Float64Array): Float64Array => a.map((value, index) => value - b[index]!);

const farTensors = (one: Trained, other: Trained): readonly string[] => {
  expect([...other.weights.keys()].toSorted()).toEqual([...one.weights.keys()].toSorted());
  return [...one.weights].flatMap(([name, values]) => {
    const step = largest(minus(values, one.initial.get(name)!));
    const far = largest(minus(values, other.weights.get(name)!));
    const allowed = TOLERANCE * Math.max(FLOOR, step) + ROUNDING * largest(values);
    // What is no number is not allowed either.
    return far <= allowed ? [] : [`${name} by ${far} where ${allowed} is allowed and the step was ${step}`];
  });
};

/** How a run differs from one rank's; empty where it does not. */
const differences = (one: Trained, other: Trained): readonly string[] => [
  ...one.losses.flatMap((loss, step) => {
    const far = Math.abs(other.losses[step]! - loss) / loss;
    // The norm that gradients are clipped to is that of all ranks' gradients.
    const norm = Math.abs(Math.sqrt(other.squares[step]! / one.squares[step]!) - 1);
    const named = (what: string, by: number) => (by < TOLERANCE ? [] : [`${what} of step ${step + 1} by ${by}`]);
    return [...named('loss', far), ...named('norm', norm)];
  }),
  ...farTensors(one, other),
];

const STEPS = 3;
const foundIn = (job: Job): readonly string[] =>
  differences(train(onOneRank(job), { steps: STEPS }), train(job, { steps: STEPS }));

describe('loss, gradients and weights of three steps are those of one rank', () => {
  test.each([2, 4, 8])('on random layouts of %i ranks', (devices) => {
    fc.assert(
      fc.property(anyRealJob(devices), (job) => {
        expect(foundIn(job), nameOf(job)).toEqual([]);
      }),
      { numRuns: devices === 8 ? 10 : 20 },
    );
  });
  test.each(Object.entries(REAL_FAMILIES))('with every axis at once on 16 ranks: %s', (_, family) => {
    for (const [zero, contextKind] of [
      [0, 'ring'],
      [1, 'all-to-all'],
    ] as const) {
      const layout = { tp: 2, cp: 2, pp: 2, dp: 2, contextKind, zero, sequenceParallel: true, microbatch: 2 };
      const job = smallJob(tinyJob({ layout, model: { layers: 2 }, workload: { globalBatch: 8 } }), family);
      expect(foundIn(job), nameOf(job)).toEqual([]);
    }
  });
});

test('the same mesh twice is the same to the last bit', () => {
  fc.assert(
    fc.property(anyRealJob(4), (job) => {
      const [first, second] = [train(job, { steps: 2 }), train(job, { steps: 2 })];
      expect(second.losses).toEqual(first.losses);
      for (const [name, values] of first.weights) expect(second.weights.get(name), name).toEqual(values);
    }),
    { numRuns: 5 },
  );
});

test.each<Partial<Layout>>([{ dp: 2 }, { dp: 2, zero: 1 }, { pp: 2 }, { tp: 2 }])(
  'where nothing limits them, gradients that are not finite ruin a mesh as they ruin one rank: %j',
  (layout) => {
    const whole = smallJob(
      tinyJob({ layout, model: { layers: 2 }, workload: { globalBatch: 4 } }),
      REAL_FAMILIES['gpt, untied']!,
    );
    const job = { ...whole, training: { ...whole.training, clip: null } };
    const seed = initialStates(7);
    const huge: StatesSource = {
      read: (state, run, into) => {
        seed.read(state, run, into);
        if (run.share.name.includes('head')) into.set(into.map((one) => 1e21 * one));
      },
      close: () => seed.close(),
    };
    const [one, mesh] = [onOneRank(job), job].map((each) => train(each, { steps: 3, source: huge }).losses);
    expect(one!.some((loss) => !Number.isFinite(loss))).toBe(true);
    expect(mesh!.map((loss) => Number.isFinite(loss))).toEqual(one!.map((loss) => Number.isFinite(loss)));
  },
);

test('a run that is told to stop ends behind that step on every rank, also where nothing is saved', () => {
  const job = smallJob(tinyJob({ layout: { pp: 2, dp: 2 }, model: { layers: 2 } }), REAL_FAMILIES['gpt']!);
  expect(train(job, { steps: 4, stopsAfter: 2 }).losses).toHaveLength(2);
});
