/** The law of parallel training for mixtures of experts: however they are spread, they learn what one rank would learn. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Itinerary } from '../../src/actors/itinerary.ts';
import { differences } from '../../src/effects/channels.ts';
import type { Job } from '../../src/scenario/job.ts';
import { CALM, message } from '../../src/sim/message.ts';
import { nameOf } from '../worlds/job-case.ts';
import { onOneRank } from '../worlds/real-jobs.ts';
import { anyMixtureJob, CAPACITY, MIXTURE_LAYOUTS, mixtureOn } from '../worlds/real-mixtures.ts';
import type { Tensors } from '../worlds/training.ts';
import { train } from '../worlds/training.ts';

const TOLERANCE = 1e-5;
const STEPS = 2;

const distance = (one: Float64Array, other: Float64Array): number => {
  const largest = one.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-3);
  return one.reduce((far, value, index) => Math.max(far, Math.abs(value - other[index]!)), 0) / largest;
};
const farFrom = (one: Tensors, other: Tensors): readonly string[] =>
  [...one].flatMap(([name, values]) => (distance(values, other.get(name)!) < TOLERANCE ? [] : [name]));

const expectAlike = (job: Job, other: Job = onOneRank(job)): void => {
  const [alone, spread] = [train(other, { steps: STEPS }), train(job, { steps: STEPS })];
  for (const [step, loss] of alone.losses.entries()) {
    const far = Math.abs(spread.losses[step]! - loss) / loss;
    expect(far, `loss of step ${step + 1}, ${nameOf(job)}`).toBeLessThan(TOLERANCE);
  }
  expect(farFrom(alone.weights, spread.weights), nameOf(job)).toEqual([]);
};

describe('weights after steps of plain descent are those of one rank', () => {
  test.each(Object.entries(MIXTURE_LAYOUTS))('on %s, dropless and with a capacity', (_, layout) => {
    for (const capacity of [null, CAPACITY]) expectAlike(mixtureOn(layout, capacity));
  });
  test.each([2, 4, 8])('on random layouts of %i ranks', (devices) => {
    fc.assert(
      fc.property(anyMixtureJob(devices), (job) => expectAlike(job)),
      { numRuns: 4 },
    );
  });
});

test('what backward computes again is what forward computed', () => {
  const job = mixtureOn({ dp: 2, ep: 2 }, CAPACITY);
  for (const modules of [['moe'], ['moe_act'], ['shared_experts'], ['moe', 'layernorm']] as const)
    expectAlike({ ...job, recompute: { kind: 'selective', modules } }, job);
  expectAlike({ ...job, recompute: { kind: 'full', layers: 'all' } }, job);
});

test('the loss that balances experts moves the router, and so does a capacity', () => {
  const job = mixtureOn({});
  const routerOf = (of: Job): Float64Array => train(of, { steps: 1 }).weights.get('layers.1.router')!;
  const plain = routerOf({ ...job, training: { ...job.training, auxiliaryLoss: 0 } });
  expect(distance(plain, routerOf(job))).toBeGreaterThan(10 * TOLERANCE);
  expect(distance(routerOf(job), routerOf(mixtureOn({}, 0.5)))).toBeGreaterThan(10 * TOLERANCE);
});

test('the same mesh twice is the same to the last bit', () => {
  for (const layout of [{ dp: 2, ep: 2 }, MIXTURE_LAYOUTS["an expert's own tensor ranks"]!]) {
    const [first, second] = [1, 2].map(() => train(mixtureOn(layout, CAPACITY), { steps: STEPS }));
    expect(second!.losses).toEqual(first!.losses);
    for (const [name, values] of first!.weights) expect(second!.weights.get(name), name).toEqual(values);
  }
});

test('a simulation that is told what was chosen sends the same messages and takes the same memory', () => {
  const check = (job: Job): void => {
    const real = train(job, { steps: STEPS });
    const itinerary: Itinerary = { first: 1, last: STEPS, validatesEvery: null, savesEvery: STEPS };
    const simulated = message(job, CALM, { itinerary, replayed: real.trace });
    expect(differences(simulated.trace, real.trace), nameOf(job)).toEqual([]);
    for (const [rank, { memory }] of simulated.reports.entries())
      expect(real.memory[rank]!.peakByPurpose, `rank ${rank}, ${nameOf(job)}`).toEqual(memory.peakByPurpose);
  };
  for (const layout of Object.values(MIXTURE_LAYOUTS)) check(mixtureOn(layout, CAPACITY));
  fc.assert(fc.property(anyMixtureJob(4), check), { numRuns: 4 });
});
