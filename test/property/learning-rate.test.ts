/** Laws of the learning rate over the steps of a run. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Training } from '../../src/scenario/training.ts';
import { DECAYS, DEFAULT_TRAINING, learningRateAt } from '../../src/scenario/training.ts';

const trainings: fc.Arbitrary<Training> = fc
  .record({
    steps: fc.integer({ min: 1, max: 2000 }),
    warmupShare: fc.double({ min: 0, max: 1, noNaN: true }),
    learningRate: fc.double({ min: 1e-6, max: 10, noNaN: true }),
    leastShare: fc.double({ min: 0, max: 1, noNaN: true }),
    decay: fc.constantFrom(...DECAYS),
  })
  .map(({ warmupShare, leastShare, ...given }) => ({
    ...DEFAULT_TRAINING,
    ...given,
    warmup: Math.floor(warmupShare * given.steps),
    minimumLearningRate: leastShare * given.learningRate,
  }));

const rates = (training: Training): readonly number[] =>
  Array.from({ length: training.steps }, (_, index) => learningRateAt(training, index + 1));

test('the rate rises by equal parts to its highest at the last step of the warm-up, and never again from there', () => {
  fc.assert(
    fc.property(trainings, (training) => {
      const { warmup, learningRate } = training;
      const all = rates(training);
      for (let step = 1; step <= warmup; step++) expect(all[step - 1]).toBeCloseTo((learningRate * step) / warmup, 12);
      if (warmup > 0) expect(all[warmup - 1]).toBe(learningRate);
      for (let step = Math.max(1, warmup) + 1; step <= all.length; step++)
        expect(all[step - 1]).toBeLessThanOrEqual(all[step - 2]! * (1 + 1e-12));
    }),
  );
});

test('a decay ends at the lowest rate with the last step, and stays there; a constant rate never falls', () => {
  fc.assert(
    fc.property(trainings, fc.nat(100), (training, behind) => {
      const { steps, warmup, decay, learningRate, minimumLearningRate } = training;
      if (warmup === steps) return;
      const end = decay === 'constant' ? learningRate : minimumLearningRate;
      for (const step of [steps, steps + behind]) expect(learningRateAt(training, step)).toBeCloseTo(end, 12);
    }),
  );
});

test('half way down a line and a cosine meet, at the mean of the highest and the lowest rate; a quarter down they do not', () => {
  const rate = (decay: Training['decay'], step: number): number =>
    learningRateAt(
      { ...DEFAULT_TRAINING, steps: 120, warmup: 20, learningRate: 8, minimumLearningRate: 2, decay },
      step,
    );
  expect([rate('linear', 70), rate('cosine', 70), rate('constant', 70)]).toEqual([5, expect.closeTo(5, 12), 8]);
  // 2 + 6 (1 - 1/4), and 2 + 6 (1 + cos 45 degrees) / 2.
  expect([rate('linear', 45), rate('cosine', 45)]).toEqual([6.5, expect.closeTo(5 + 3 / Math.SQRT2, 12)]);
  expect([rate('linear', 5), rate('cosine', 20), rate('linear', 120)]).toEqual([2, 8, 2]);
});
