/** Laws of the timeline that a trace is written as: it parses, and everything that took time or was sent is in it. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Trace } from '../../src/effects/trace.ts';
import { behindSteps } from '../../src/report/late-trace.ts';
import { stepEnds } from '../../src/report/step-times.ts';
import { chromeText } from '../../src/report/trace/chrome.ts';
import { traceJson, traceSchema, traceText } from '../../src/report/trace-summary.ts';
import { CALM, message } from '../../src/sim/message.ts';
import { anyRealJob } from '../worlds/real-jobs.ts';
import { train } from '../worlds/training.ts';

interface Event {
  readonly ph: string;
  readonly cat?: string;
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  readonly ts: number;
  readonly dur?: number;
  readonly id?: number;
  readonly args?: {
    readonly name?: string;
    readonly bytes?: number;
    readonly tag?: number;
    readonly sort_index?: number;
  };
}

const eventsOf = (trace: Trace, devices: number): readonly Event[] => {
  const text = [...chromeText(trace, { title: 'a "job"', world: 'real', devices, hasDevices: true, ranks: null })].join(
    '',
  );
  return (JSON.parse(text) as { traceEvents: readonly Event[] }).traceEvents;
};

/** What was done and what was said, however it is written down. */
const saidBy = (trace: Trace): readonly string[] =>
  trace.flatMap((entry) => {
    if (entry.kind === 'span') return [`${entry.rank} ${entry.lane} ${entry.name} ${entry.start} ${entry.end}`];
    if (entry.kind !== 'message') return [];
    return [`${entry.from} ${entry.to} ${entry.axis} ${entry.size} ${entry.tag} ${entry.sent} ${entry.arrived}`];
  });

const saidIn = (events: readonly Event[]): readonly string[] => {
  const laneOf = new Map<string, string>();
  for (const { name, pid, tid, args } of events) if (name === 'thread_name') laneOf.set(`${pid} ${tid}`, args!.name!);
  const at = (microseconds: number): number => Math.round(microseconds * 1e3);
  const spans = events.filter(({ cat, ph }) => cat === 'span' && ph === 'X');
  const heads = new Map(events.filter(({ ph }) => ph === 'f').map((event) => [event.id, event]));
  const tails = events.filter(({ ph }) => ph === 's');
  // An arrow is drawn between marks: there must be one where it begins and one where it ends.
  const marks = new Set(events.filter(({ cat, ph }) => cat === 'message' && ph === 'X').map(markOf));
  expect(heads.size).toBe(tails.length);
  return [
    ...spans.map(
      ({ pid, tid, name, ts, dur }) => `${pid} ${laneOf.get(`${pid} ${tid}`)} ${name} ${at(ts)} ${at(ts + dur!)}`,
    ),
    ...tails.map((tail) => {
      const head = heads.get(tail.id)!;
      expect([head, tail].map((end) => marks.has(markOf(end)))).toEqual([true, true]);
      const { bytes, tag } = tail.args!;
      return `${tail.pid} ${head.pid} ${tail.name} ${bytes} ${tag} ${at(tail.ts)} ${at(head.ts)}`;
    }),
  ];
};
const markOf = ({ pid, tid, ts }: Event): string => `${pid} ${tid} ${ts}`;

describe('the timeline of a job', () => {
  const worlds = { simulated: message, real: (job: Parameters<typeof message>[0]) => train(job, { steps: 1 }) };
  test.each(Object.entries(worlds))('holds every span and every message of the %s world', (_, traceOf) => {
    fc.assert(
      fc.property(anyRealJob(4), (job) => {
        const { trace } = traceOf(job);
        const events = eventsOf(trace, job.devices);
        expect(saidIn(events).toSorted()).toEqual(saidBy(trace).toSorted());
        const names = events.filter(({ name }) => name === 'process_name').map(({ args }) => args!.name);
        expect(new Set(names).size).toBe(job.devices + 1);
      }),
      { numRuns: 8 },
    );
  });
  test('shows the lanes of every rank in one order, and a loader where no device is fed', () => {
    fc.assert(
      fc.property(anyRealJob(4), fc.boolean(), (job, hasDevices) => {
        const { trace } = message(job);
        const subject = { title: 't', world: 'simulated', devices: job.devices, hasDevices, ranks: null } as const;
        const text = [...chromeText(trace, subject)].join('');
        const { traceEvents: events } = JSON.parse(text) as { traceEvents: readonly Event[] };
        const laneOf = new Map<string, string>();
        for (const { name, pid, tid, args } of events)
          if (name === 'thread_name') laneOf.set(`${pid} ${tid}`, args!.name!);
        const placeOf = new Map<string, Set<number>>();
        for (const { name, pid, tid, args } of events) {
          const lane = laneOf.get(`${pid} ${tid}`)!;
          if (name === 'thread_sort_index') placeOf.set(lane, (placeOf.get(lane) ?? new Set()).add(args!.sort_index!));
        }
        expect([...placeOf.keys()].toSorted()).toEqual([...new Set(laneOf.values())].toSorted());
        for (const places of placeOf.values()) expect(places.size).toBe(1);
        expect(placeOf.has(hasDevices ? 'pcie' : 'loader')).toBe(true);
        expect(placeOf.has(hasDevices ? 'loader' : 'pcie')).toBe(false);
      }),
      { numRuns: 6 },
    );
  });
  test('of later steps begins at 0 and holds what happened in them, for as long as it took', () => {
    fc.assert(
      fc.property(anyRealJob(4), (job) => {
        const steps = { devices: job.devices, steps: 3 };
        const itinerary = { first: 1, last: 3, validatesEvery: null, savesEvery: null };
        const { trace } = message(job, CALM, { itinerary });
        const late = behindSteps(trace, steps, 2);
        const ends = stepEnds(trace, steps);
        expect(stepEnds(late, { ...steps, steps: 9 }).at(-1)).toBe(ends[2]! - ends[1]!);
        const starts = late.flatMap((entry) => (entry.kind === 'span' ? [entry.start] : []));
        expect(Math.min(...starts)).toBeGreaterThanOrEqual(0);
        expect(late.length).toBeLessThan(trace.length);
        expect(behindSteps(trace, steps, 0)).toHaveLength(trace.length);
      }),
      { numRuns: 6 },
    );
  });
  test('is summed up as JSON by its schema, and in words', () => {
    fc.assert(
      fc.property(anyRealJob(2), (job) => {
        const { trace } = message(job);
        const about = {
          title: 't',
          world: 'simulated',
          file: 't.json',
          format: 'chrome',
          devices: 2,
          selected: null,
          steps: 1,
        } as const;
        const summary = traceSchema.parse(traceJson(trace, about));
        expect(summary.spans + summary.messages).toBe(saidBy(trace).length);
        expect(traceText(trace, about)).toContain('t.json: 1 step of 2 ranks, simulated');
      }),
      { numRuns: 3 },
    );
  });
});
