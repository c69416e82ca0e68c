/** Laws of the looks that a search takes: each is a bound of the next, or a layout would be dropped that fits or wins. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PLAIN_LAYOUT, ZERO_STAGES } from '../../src/scenario/job.ts';
import type { Evaluation } from '../../src/sim/evaluation.ts';
import { bound } from '../../src/sim/bound.ts';
import { folded } from '../../src/sim/folded.ts';
import { sketch } from '../../src/sim/sketch.ts';
import { profileCache } from '../../src/sim/cache.ts';
import { anyJobOf } from '../worlds/job-case.ts';

const nanoseconds = (time: number): number => Math.round(time * 1e9);
const peaksOf = ({ stages }: Evaluation): readonly number[] => stages.map(({ memory }) => memory.total);

/** Jobs whose embedding and head weigh from little to far more than their layers. */
const anyJob = fc
  .tuple(fc.constantFrom(1, 2, 4, 6, 8, 12, 16).chain(anyJobOf), fc.constantFrom(200, 1000, 32_000))
  .map(([job, vocabulary]) => ({ ...job, model: { ...job.model, vocabulary } }));

test('neither sketch nor bound say more than the simulation of time, nor the sketch than both of memory', () => {
  fc.assert(
    fc.property(anyJob, (job) => {
      const [rough, near, whole] = [sketch(job, profileCache()), bound(job), folded(job)];
      expect(nanoseconds(rough.step)).toBeLessThanOrEqual(nanoseconds(whole.step));
      expect(nanoseconds(near.step)).toBeLessThanOrEqual(nanoseconds(whole.step));
      expect(rough.memory).toBeLessThanOrEqual(Math.max(...peaksOf(near)));
      expect(peaksOf(near)).toEqual(peaksOf(whole));
    }),
    { numRuns: 1000 },
  );
});

test('what a look says does not depend on what was looked at before', () => {
  fc.assert(
    fc.property(
      anyJob,
      fc.array(fc.tuple(fc.constantFrom(1, 2), fc.constantFrom(...ZERO_STAGES)), { minLength: 1, maxLength: 4 }),
      (job, others) => {
        const cache = profileCache();
        // Jobs of one search: the same model, cluster, workload and software.
        for (const [microbatch, zero] of others)
          folded(
            {
              ...job,
              layout: {
                ...job.layout,
                ...PLAIN_LAYOUT,
                tp: 1,
                pp: 1,
                vp: 1,
                schedule: '1f1b',
                dp: 2,
                microbatch,
                zero,
                sequenceParallel: false,
              },
              devices: 2,
              workload: { ...job.workload, globalBatch: 4 },
            },
            cache,
          );
        expect(sketch(job, cache)).toEqual(sketch(job, profileCache()));
        expect(bound(job, cache)).toEqual(bound(job));
        expect(folded(job, cache)).toEqual(folded(job));
      },
    ),
    { numRuns: 200 },
  );
});
