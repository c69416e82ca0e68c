/** The law that a model learns what it should: every weight's gradient is how the loss changes with that weight. */
import { describe, expect, test } from 'vitest';
import { initialStates } from '../../src/exec/checkpoint/held-states.ts';
import type { StatesSource } from '../../src/exec/checkpoint/reader.ts';
import { placeInWhole } from '../../src/effects/share.ts';
import type { Job } from '../../src/scenario/job.ts';
import { tinyJob } from '../worlds/jobs.ts';
import { onOneRank, REAL_FAMILIES, smallJob } from '../worlds/real-jobs.ts';
import { train } from '../worlds/training.ts';

/** The model as it begins, with matrices so large that nothing is nearly linear, and one tensor moved. */
const begun = (moved: { readonly name: string; readonly by: Float64Array } | null): StatesSource => {
  const plain = initialStates(7);
  return {
    read: (state, run, into) => {
      plain.read(state, run, into);
      const { share, start } = run;
      if (share.initial.kind === 'normal') for (let index = 0; index < into.length; index++) into[index]! *= 2;
      if (moved?.name !== share.name) return;
      for (let index = 0; index < into.length; index++) {
        const at = placeInWhole(share, start + index);
        if (at !== null) into[index]! += moved.by[at]!;
      }
    },
    close: () => plain.close(),
  };
};

/** One step of plain descent at a rate of 1: what it takes away is the gradient. */
const jobOf = (family: (typeof REAL_FAMILIES)[string]): Job => {
  const job = onOneRank(smallJob(tinyJob({ model: { layers: 2 }, workload: { globalBatch: 2 } }), family));
  return { ...job, training: { ...job.training, clip: null, learningRate: 1, minimumLearningRate: 1 } };
};
const lossFrom = (job: Job, source: StatesSource): number => train(job, { steps: 1, source }).losses[0]!;
const squareOf = (values: Float64Array): number => values.reduce((sum, value) => sum + value * value, 0);

/** How far the weights are moved: fp32 still tells the losses apart, and the loss is still nearly straight. */
const DISTANCE = 0.01;

describe('the loss falls as far as each gradient says', () => {
  test.each(Object.entries(REAL_FAMILIES))('%s', (_, family) => {
    const job = jobOf(family);
    const { initial, weights } = train(job, { steps: 1, source: begun(null) });
    for (const [name, after] of weights) {
      const gradient = initial.get(name)!.map((before, index) => before - after[index]!);
      const length = Math.sqrt(squareOf(gradient));
      const lossAt = (distance: number): number =>
        lossFrom(job, begun({ name, by: gradient.map((each) => (each * distance) / length) }));
      const slope = (lossAt(DISTANCE) - lossAt(-DISTANCE)) / (2 * DISTANCE);
      expect(slope / length, name).toBeGreaterThan(0.97);
      expect(slope / length, name).toBeLessThan(1.03);
    }
  });
});
