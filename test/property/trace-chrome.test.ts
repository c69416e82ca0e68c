/** Laws of traces as Chrome's JSON: slices nest on every thread, arrows have both ends, counters are there. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chromeText } from '../../src/report/trace/chrome.ts';
import { disjoint } from '../../src/report/trace/disjoint.ts';
import { instant } from '../../src/units/quantity.ts';
import { bytesOf, DETAILED, subjectOf } from '../worlds/detailed-traces.ts';
import { anyJobOf } from '../worlds/job-case.ts';
import { anyRealJob } from '../worlds/real-jobs.ts';

interface Event {
  readonly ph: string;
  readonly cat?: string;
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  readonly ts: number;
  readonly dur: number;
  readonly id?: number;
  readonly args?: Readonly<Record<string, unknown>>;
}
const nanoseconds = (microseconds: number): number => Math.round(microseconds * 1e3);

describe.each(Object.entries(DETAILED))('the Chrome trace of the %s world', (world, traceOf) => {
  const jobs = world === 'real' ? anyRealJob(4) : anyJobOf(4);
  test('nests on every thread, pairs its arrows, and names the pass of what is computed', () => {
    fc.assert(
      fc.property(jobs, (job) => {
        const text = bytesOf(chromeText(traceOf(job), subjectOf(job))).toString();
        const { traceEvents: events } = JSON.parse(text) as { traceEvents: readonly Event[] };
        const threads = new Map<string, Event[]>();
        for (const event of events.filter(({ ph }) => ph === 'X')) {
          const key = `${event.pid} ${event.tid}`;
          const thread = threads.get(key) ?? [];
          threads.set(key, thread);
          thread.push(event);
        }
        const endOf = ({ ts, dur }: Event): number => nanoseconds(ts) + nanoseconds(dur);
        for (const slices of threads.values())
          expect(slices.filter(({ ts }, index) => index > 0 && nanoseconds(ts) < endOf(slices[index - 1]!))).toEqual(
            [],
          );
        const ids = (ph: string): readonly number[] =>
          events
            .filter((event) => event.ph === ph)
            .map(({ id }) => id!)
            .toSorted((a, b) => a - b);
        expect(ids('s')).toEqual(ids('f'));
        expect(new Set(ids('s')).size).toBe(ids('s').length);
        expect(events.some(({ ph, args }) => ph === 'C' && Number(args?.['bytes']) > 0)).toBe(true);
        expect(events.some(({ cat, args }) => cat === 'span' && args?.['pass'] === 'backward')).toBe(true);
      }),
      { numRuns: 3 },
    );
  });
});

test('slices that overlap are put on tracks of their own, in the order of time, and none is lost', () => {
  const anySlice = fc
    .tuple(fc.nat(50), fc.nat(20))
    .map(([start, length]) => ({ start: instant(start), end: instant(start + length) }));
  fc.assert(
    fc.property(fc.array(anySlice), (slices) => {
      const tracks = disjoint(slices);
      expect(tracks.flat()).toHaveLength(slices.length);
      for (const track of tracks)
        for (const [index, { start }] of track.entries())
          if (index > 0) expect(start).toBeGreaterThanOrEqual(track[index - 1]!.end);
      // No more tracks than slices that run at one moment.
      const busiest = Math.max(
        0,
        ...slices.map(({ start }) => slices.filter((one) => one.start <= start && start <= one.end).length),
      );
      expect(tracks.length).toBeLessThanOrEqual(busiest);
    }),
  );
});
