/** Laws of the full rung: where nothing is different from rank to rank it is the folded one, and what is different shows. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Job } from '../../src/scenario/job.ts';
import { folded } from '../../src/sim/folded.ts';
import { full, UNDISTURBED } from '../../src/sim/full.ts';
import { anyJobOf, fitsDomains, legalJobs, nameOf } from '../worlds/job-case.ts';
import { latentModel, mixtureModel } from '../worlds/families.ts';

const nanoseconds = (time: number): number => Math.round(time * 1e9);

const largeJob = fc.constantFrom(1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64).chain((devices) => anyJobOf(devices));

const expectSame = (job: Job): void => {
  const [whole, all] = [folded(job), full(job).evaluation];
  expect({ job: nameOf(job), step: nanoseconds(all.step) }).toEqual({
    job: nameOf(job),
    step: nanoseconds(whole.step),
  });
  for (const [stage, { terms }] of all.stages.entries())
    for (const [term, time] of Object.entries(terms))
      expect(nanoseconds(time), `${term} of stage ${stage}, ${nameOf(job)}`).toBe(
        nanoseconds(whole.stages[stage]!.terms[term as keyof typeof terms]),
      );
};

const expectSameOf = (jobs: readonly Job[]): void => {
  for (const job of jobs.filter(fitsDomains)) expectSame(job);
};

describe('where all ranks of a stage are alike, the full rung says what the folded one says, term by term', () => {
  test('on random jobs of up to 64 ranks', () => {
    fc.assert(fc.property(largeJob.filter(fitsDomains), expectSame), { numRuns: 60 });
  });
  test.each([1, 2, 3, 4])('on every legal layout of %d ranks', (devices) => {
    expectSameOf(legalJobs(devices, { workload: { globalBatch: 4 * devices } }));
  });
  test.each(Object.entries({ mixture: mixtureModel(), latent: latentModel(96) }))(
    'on a model of the kind %s',
    (_, model) => {
      expectSameOf(legalJobs(2, { model, workload: { globalBatch: 8 } }));
    },
  );
});

test('a card that is slower never makes the step shorter, and twice as slow cards all over make it longer', () => {
  fc.assert(
    fc.property(largeJob, fc.nat(), fc.double({ min: 1, max: 3, noNaN: true }), (job, card, factor) => {
      const slowness = new Float64Array(job.devices).fill(1);
      const before = full(job, { ...UNDISTURBED, slowness }).evaluation.step;
      expect(before).toBe(full(job).evaluation.step);
      slowness[card % job.devices] = factor;
      expect(full(job, { ...UNDISTURBED, slowness }).evaluation.step).toBeGreaterThanOrEqual(before);
      expect(full(job, { ...UNDISTURBED, slowness: slowness.fill(2) }).evaluation.step).toBeGreaterThan(before);
    }),
    { numRuns: 25 },
  );
});
