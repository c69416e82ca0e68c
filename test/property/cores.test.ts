/** Laws of ranks that are threads on shared cores: they take turns, and nothing but time is different. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { differences } from '../../src/effects/channels.ts';
import type { Span, Trace } from '../../src/effects/trace.ts';
import type { Job } from '../../src/scenario/job.ts';
import { message } from '../../src/sim/message.ts';
import { anyJobOf } from '../worlds/job-case.ts';

/** On one node, the supervisor too. */
const onCores = (job: Job, count: number): Job => {
  const cores = { value: count, from: 'measured', source: 'counted' } as const;
  return { ...job, cluster: { ...job.cluster, cores, scaleUpDomain: 8, devicesPerNode: 8 } };
};

/** What keeps a core busy. */
const busy = (trace: Trace): readonly Span[] =>
  trace.filter((entry) => entry.kind === 'span').filter(({ lane }) => lane === 'compute' || lane === 'receive');

/** The most spans that there ever are at once. */
const mostAtOnce = (spans: readonly Span[]): number => {
  const changes = spans
    .filter(({ start, end }) => end > start)
    .flatMap(({ start, end }) => [
      { at: start, by: 1 },
      { at: end, by: -1 },
    ])
    .toSorted((a, b) => a.at - b.at || a.by - b.by);
  let [now, most] = [0, 0];
  for (const { by } of changes) most = Math.max(most, (now += by));
  return most;
};

test('no more is done at once than there are cores, and the step is no shorter than all that is done over their number', () => {
  fc.assert(
    fc.property(anyJobOf(4), fc.constantFrom(1, 2, 3, 4), (job, count) => {
      const { evaluation, trace } = message(onCores(job, count));
      const spans = busy(trace);
      expect(mostAtOnce(spans)).toBeLessThanOrEqual(count);
      // The step is over before the supervisor has noted that it is.
      const ofDevices = spans.filter(({ rank }) => rank < job.devices);
      const total = ofDevices.reduce((sum, { start, end }) => sum + end - start, 0);
      expect(evaluation.step * 1e9).toBeGreaterThanOrEqual(total / count - 1);
    }),
    { numRuns: 15 },
  );
});

test('one core does one thing after another: a step takes as long as everything in it, and the messages that nobody computes beside', () => {
  fc.assert(
    fc.property(anyJobOf(2), (job) => {
      const shared = onCores(job, 1);
      const instantly = {
        ...shared.cluster.scaleUp,
        latency: { ...shared.cluster.scaleUp.latency, value: 0 },
      } as typeof shared.cluster.scaleUp;
      const { evaluation, trace } = message({ ...shared, cluster: { ...shared.cluster, scaleUp: instantly } });
      const spans = trace.filter((entry) => entry.kind === 'span');
      const total = spans.reduce((sum, { start, end }) => sum + end - start, 0);
      expect(evaluation.step * 1e9).toBeLessThanOrEqual(total + 1);
    }),
    { numRuns: 10 },
  );
});

test('the same messages are sent and the same memory is held, whoever computes where', () => {
  fc.assert(
    fc.property(anyJobOf(4), fc.constantFrom(1, 2, 4), (job, count) => {
      const asked = onCores(job, count);
      const alone = message({ ...asked, cluster: { ...asked.cluster, cores: null } });
      const shared = message(asked);
      expect(differences(alone.trace, shared.trace)).toEqual([]);
      expect(shared.reports.map(({ memory }) => memory)).toEqual(alone.reports.map(({ memory }) => memory));
    }),
    { numRuns: 10 },
  );
});
