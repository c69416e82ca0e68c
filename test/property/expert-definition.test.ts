/** Laws of mixtures of experts that are computed: on every layout they are what the definition says, token by token. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Job, Layout } from '../../src/scenario/job.ts';
import type { Experts } from '../../src/scenario/model.ts';
import { DEFAULT_TRAINING } from '../../src/scenario/training.ts';
import { anySeed } from '../worlds/attention-operations.ts';
import { positions } from '../worlds/collective-case.ts';
import { mixtureModel } from '../worlds/families.ts';
import { Draw } from '../worlds/filled.ts';
import { tinyJob, tinySoftware } from '../worlds/jobs.ts';
import type { Outcome, Whole } from '../worlds/mixture-run.ts';
import { anyWhole, runMixture } from '../worlds/mixture-run.ts';
import { plainMixture } from '../worlds/plain-mixture.ts';

const split = { sequenceParallel: true } as const;
/** By name: the ranks of a stage, and how they share experts and sequences. */
const MESHES: Readonly<Record<string, Partial<Layout>>> = {
  'one rank': {},
  '2 expert ranks': { dp: 2, ep: 2 },
  '4 expert ranks': { dp: 4, ep: 4 },
  '2 tensor ranks with the sequence split': { tp: 2, ...split },
  '2 context ranks': { cp: 2 },
  '2 context ranks that share the experts': { cp: 2, ep: 2 },
  '4 tensor ranks that share the experts by 2': { tp: 4, ep: 2, ...split },
  "2 tensor ranks that are each expert's too": { tp: 2, etp: 2, ...split },
  '2 data ranks that split each expert': { dp: 2, etp: 2 },
  '2 expert ranks of 2 tensor ranks': { tp: 2, dp: 2, ep: 2, etp: 2, ...split },
  '8 ranks of everything': { tp: 2, cp: 2, dp: 2, ep: 4, etp: 2, ...split },
};

const SEQUENCE = 8;
interface Asked {
  readonly layout: Partial<Layout>;
  readonly microbatch: number;
  readonly capacity: number | null;
  readonly experts?: Partial<Experts>;
}
const jobOf = ({ layout, microbatch, capacity, experts = {} }: Asked): Job =>
  tinyJob({
    layout: { ...layout, microbatch },
    model: {
      ...mixtureModel({ count: 4, ffn: 4, sharedFfn: 4, ...experts }),
      hidden: 6,
      heads: 4,
      kvHeads: 4,
      layers: 1,
    },
    workload: { sequence: SEQUENCE, globalBatch: microbatch * (layout.dp ?? 1) },
    precision: 'fp32',
    software: { ...tinySoftware, expertCapacity: capacity },
    // Heavy enough to show beside the gradients of everything else.
    training: { ...DEFAULT_TRAINING, auxiliaryLoss: 5 },
  });

/** Sums in fp32 of a few dozen everyday numbers. */
const TOLERANCE = 2e-5;
const expectNear = (actual: Float64Array, wanted: Float64Array): void => {
  const most = wanted.reduce((most, one) => Math.max(most, Math.abs(one)), 1);
  for (const [index, want] of wanted.entries())
    if (!(Math.abs(actual[index]! - want) <= TOLERANCE * most))
      expect.fail(`element ${index} of ${wanted.length} is ${actual[index]}, not ${want}`);
};

const dot = (one: ArrayLike<number>, other: ArrayLike<number>): number =>
  Array.from(one).reduce((sum, value, index) => sum + value * other[index]!, 0);
const STEP = 1e-6;

/** In a random direction of each tensor its gradient says how fast the loss by the definition changes. */
const expectSlopes = (job: Job, whole: Whole, { outcome, draw }: { outcome: Outcome; draw: Draw }): void => {
  const loss = (input: ArrayLike<number>, weights: ReadonlyMap<string, ArrayLike<number>>): number => {
    const { output, balance } = plainMixture(job, { input, weights });
    return dot(output, whole.gradient) + balance;
  };
  const check = (name: string, gradient: Float64Array, moved: (by: (at: number) => number) => number): void => {
    const direction = Float64Array.from(gradient, () => draw.between(-1, 1));
    const along = (step: number): number => moved((at) => step * direction[at]!);
    const slope = (along(STEP) - along(-STEP)) / (2 * STEP);
    const size = gradient.reduce((sum, one, at) => sum + Math.abs(one * direction[at]!), 1);
    const wanted = dot(gradient, direction);
    if (!(Math.abs(slope - wanted) <= TOLERANCE * size))
      expect.fail(`${name} goes by ${wanted} and the definition by ${slope}`);
  };
  check('the input', outcome.toInput, (by) =>
    loss(
      Float64Array.from(whole.input, (one, at) => one + by(at)),
      whole.weights,
    ),
  );
  for (const [name, gradient] of outcome.toWeights)
    check(name, gradient, (by) => {
      const moved = Float64Array.from(whole.weights.get(name)!, (one, at) => one + by(at));
      return loss(whole.input, new Map<string, ArrayLike<number>>([...whole.weights, [name, moved]]));
    });
};

const checkAll = (asked: Asked, seed: number): void => {
  const job = jobOf(asked);
  const draw = new Draw(seed);
  const whole = anyWhole(job, draw);
  const outcome = runMixture(job, whole);
  expectNear(outcome.output, plainMixture(job, whole).output);
  expectSlopes(job, whole, { outcome, draw });
};

describe.each(Object.entries(MESHES))('on %s', (_, layout) => {
  test.each([null, 1, 0.6])('outputs and gradients are those of the definition, with a capacity of %s', (capacity) => {
    fc.assert(
      fc.property(anySeed, fc.constantFrom(1, 2, 3), (seed, microbatch) =>
        checkAll({ layout, microbatch, capacity }, seed),
      ),
      { numRuns: 4 },
    );
  });
});

test('whatever the number of experts, of those that a token goes to, and of those that nobody chooses', () => {
  const anyExperts = fc
    .record({ perRank: fc.integer({ min: 1, max: 8 }), active: fc.integer({ min: 1, max: 4 }) })
    .map(({ perRank, active }) => ({ count: 2 * perRank, active: Math.min(active, 2 * perRank) }));
  const anyLayout = fc.constantFrom(...Object.values(MESHES).filter(({ ep }) => ep === 2));
  fc.assert(
    fc.property(anyLayout, anyExperts, fc.option(fc.double({ min: 0.1, max: 2, noNaN: true })), anySeed, (...of) => {
      const [layout, experts, capacity, seed] = of;
      checkAll({ layout, microbatch: 1, capacity, experts: { ...experts, sharedFfn: 0 } }, seed);
    }),
    { numRuns: 25 },
  );
});

describe('of tokens that all want the same experts', () => {
  /** Every token is alike, so that the experts 0 and 1 are the best of all. */
  const alike = (job: Job): Whole => {
    const whole = anyWhole(job, new Draw(3));
    const { hidden: h, experts } = job.model;
    const router = Float32Array.from({ length: h * experts!.count }, (_, at) => -(at % experts!.count));
    return { ...whole, input: whole.input.fill(1), weights: new Map([...whole.weights, ['router', router]]) };
  };
  test.each(Object.entries(MESHES))(
    'each sequence keeps its first ones, and the others get nothing: %s',
    (_, layout) => {
      const job = jobOf({ layout, microbatch: 2, capacity: 0.75, experts: { sharedFfn: 0 } });
      const { output } = runMixture(job, alike(job));
      // 0.75 x 8 tokens x 2 choices / 4 experts
      const most = 3;
      const h = job.model.hidden;
      for (const row of positions(output.length / h)) {
        const isEmpty = output.subarray(row * h, (row + 1) * h).every((one) => one === 0);
        expect(isEmpty, `token ${row % SEQUENCE} of sequence ${Math.floor(row / SEQUENCE)}`).toBe(
          row % SEQUENCE >= most,
        );
      }
    },
  );
});
