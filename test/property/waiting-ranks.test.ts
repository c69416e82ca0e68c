/** Laws of ranks that wait for each other: for one that has more to do, and for the norm of all gradients. */
import { expect, test } from 'vitest';
import { deviceContext } from '../../src/actors/device-context.ts';
import type { Job } from '../../src/scenario/job.ts';
import { microbatchesOf } from '../../src/scenario/job.ts';
import { DEFAULT_TRAINING } from '../../src/scenario/training.ts';
import { folded } from '../../src/sim/folded.ts';
import { machineOf } from '../../src/sim/machine.ts';
import { message } from '../../src/sim/message.ts';
import { opTime } from '../../src/sim/op-time.ts';
import { rank } from '../../src/units/identity.ts';
import { expectAgreement } from '../worlds/agreement.ts';
import { fitsDomains, legalJobs, nameOf } from '../worlds/job-case.ts';
import { roundJobs } from '../worlds/round-jobs.ts';

const nanoseconds = (time: number): number => Math.round(time * 1e9);

/** Nanoseconds that the first tensor rank takes to add learned positions to the rows that it looks up. */
const positionsTime = (job: Job): number => {
  const { layer } = deviceContext(job, rank(0));
  const time = (positions: boolean): number =>
    nanoseconds(
      opTime(
        {
          kind: 'embedding',
          pass: 'forward',
          tokens: layer.tokens,
          hidden: job.model.hidden,
          positions,
          dtype: layer.formats.activation,
          gradient: layer.formats.gradient,
          first: 0,
          words: layer.vocabulary,
          at: layer.at,
        },
        machineOf(job),
      ),
    );
  return time(true) - time(false);
};

test('the first tensor rank adds learned positions for all: folded waits for that with every microbatch, message at times', () => {
  for (const job of roundJobs(4, {}).filter(({ layout }) => layout.tp > 1)) {
    const [one, all] = [folded(job), message(job).evaluation].map(({ step }) => nanoseconds(step)) as [number, number];
    expect(one, nameOf(job)).toBeGreaterThanOrEqual(all);
    expect(one, nameOf(job)).toBeLessThanOrEqual(all + microbatchesOf(job) * positionsTime(job));
  }
});

test('where gradients are clipped every stage waits for the norm of all, and folded knows how long', () => {
  const training = { ...DEFAULT_TRAINING, clip: 1 };
  let [clipped, free] = [0, 0];
  for (const devices of [2, 3, 4])
    for (const job of legalJobs(devices, { training, workload: { globalBatch: 2 * devices } }).filter(fitsDomains)) {
      expectAgreement(job);
      // No stage is done before the last one has come: they end as far apart as their updates, and less than without.
      const apart = (of: Job): number => {
        const ends = message(of).reports.map(({ at }) => at);
        return Math.max(...ends) - Math.min(...ends);
      };
      clipped += apart(job);
      free += apart({ ...job, training: { ...training, clip: null } });
    }
  expect(clipped).toBeLessThan(free);
});
