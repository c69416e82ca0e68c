/** The law that the product stands on: however a job is spread over ranks, it learns what one rank would learn. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Job } from '../../src/scenario/job.ts';
import { nameOf } from '../worlds/job-case.ts';
import { anyRealJob, onOneRank, REAL_FAMILIES, smallJob } from '../worlds/real-jobs.ts';
import { tinyJob } from '../worlds/jobs.ts';
import type { Tensors, Trained } from '../worlds/training.ts';
import { train } from '../worlds/training.ts';

/** Of the tensor's largest magnitude, as one rank has it; a tensor whose gradients vanish is compared with the others. */
const TOLERANCE = 1e-5;

/** The largest difference of a tensor from the other's, over its largest magnitude. */
const distance = (one: Float64Array, other: Float64Array, floor: number): number => {
  let [largest, difference] = [floor, 0];
  for (const [index, value] of one.entries()) {
    largest = Math.max(largest, Math.abs(value));
    difference = Math.max(difference, Math.abs(value - other[index]!));
  }
  return Number.isNaN(difference) ? Infinity : difference / largest;
};

const farTensors = (one: Tensors, other: Tensors): readonly string[] => {
  expect([...other.keys()].toSorted()).toEqual([...one.keys()].toSorted());
  return [...one].flatMap(([name, values]) => {
    const far = distance(values, other.get(name)!, 1e-3);
    return far < TOLERANCE ? [] : [`${name} by ${far}`];
  });
};

const expectSame = (one: Trained, other: Trained, name: string): void => {
  for (const [step, loss] of one.losses.entries()) {
    expect(Math.abs(other.losses[step]! - loss) / loss, `loss of step ${step + 1}, ${name}`).toBeLessThan(TOLERANCE);
    // The norm that gradients are clipped to is that of all ranks' gradients.
    expect(Math.abs(Math.sqrt(other.squares[step]! / one.squares[step]!) - 1), `norm, ${name}`).toBeLessThan(TOLERANCE);
  }
  expect(farTensors(one.weights, other.weights), name).toEqual([]);
};

const STEPS = 3;
const checked = (job: Job): void =>
  expectSame(train(onOneRank(job), { steps: STEPS }), train(job, { steps: STEPS }), nameOf(job));

describe('loss, gradients and weights of three steps are those of one rank', () => {
  test.each([2, 4, 8])('on random layouts of %i ranks', (devices) => {
    fc.assert(fc.property(anyRealJob(devices), checked), { numRuns: devices === 8 ? 10 : 20 });
  });
  test.each(Object.entries(REAL_FAMILIES))('with every axis at once on 16 ranks: %s', (_, family) => {
    for (const [zero, contextKind] of [
      [0, 'ring'],
      [1, 'all-to-all'],
    ] as const) {
      const layout = { tp: 2, cp: 2, pp: 2, dp: 2, contextKind, zero, sequenceParallel: true, microbatch: 2 };
      checked(smallJob(tinyJob({ layout, model: { layers: 2 }, workload: { globalBatch: 8 } }), family));
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
