/** Laws of traces in Perfetto's format, read by its published schema: whole packets, nested slices, linked messages. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Trace } from '../../src/effects/trace.ts';
import { perfettoBytes } from '../../src/report/trace/perfetto.ts';
import type { Subject } from '../../src/report/trace/picture.ts';
import { bytesOf, DETAILED, subjectOf } from '../worlds/detailed-traces.ts';
import type { ReadEvent, ReadTrace } from '../worlds/perfetto-reader.ts';
import { perfettoIn } from '../worlds/perfetto-reader.ts';
import { anyJobOf } from '../worlds/job-case.ts';
import { anyRealJob } from '../worlds/real-jobs.ts';

const read = (trace: Trace, subject: Subject): ReadTrace => perfettoIn(bytesOf(perfettoBytes(trace, subject)));

const groupBy = <Key>(events: readonly ReadEvent[], keyOf: (event: ReadEvent) => Key): Map<Key, ReadEvent[]> => {
  const groups = new Map<Key, ReadEvent[]>();
  for (const event of events) {
    const group = groups.get(keyOf(event));
    if (group === undefined) groups.set(keyOf(event), [event]);
    else group.push(event);
  }
  return groups;
};

/** Rank and lane of a track; tracks that overlap had to be put beside each other are of one lane. */
const laneOf = ({ tracks }: ReadTrace, uuid: number): string => {
  const { name, parent } = tracks.get(uuid)!;
  return `${tracks.get(parent!)!.name}: ${name.replace(/ \(\d+\)$/u, '')}`;
};

const spansIn = (found: ReadTrace): readonly string[] => {
  const spans: string[] = [];
  for (const [track, events] of groupBy(found.events, (event) => event.track)) {
    const open: ReadEvent[] = [];
    for (const event of events) {
      // Nothing overlaps on a track: what nests would be legal, and is not needed.
      if (event.type === 'begin' && open.push(event) > 1) expect(open).toHaveLength(1);
      if (event.type === 'instant') spans.push(`${laneOf(found, track)} ${event.name} ${event.at} ${event.at}`);
      if (event.type !== 'end') continue;
      const { name, at } = open.pop()!;
      spans.push(`${laneOf(found, track)} ${name} ${at} ${event.at}`);
    }
    expect(open).toEqual([]);
  }
  return spans;
};

const spansOf = (trace: Trace, devices: number): readonly string[] =>
  trace.flatMap((entry) => {
    if (entry.kind !== 'span' && entry.kind !== 'collective') return [];
    const rank = entry.rank < devices ? `rank ${entry.rank}` : 'supervisor';
    const what =
      entry.kind === 'span' ? [entry.lane, entry.name] : [`${entry.group.axis} collectives`, entry.operation];
    return [`${rank}: ${what.join(' ')} ${entry.start} ${entry.end}`];
  });

describe.each(Object.entries(DETAILED))('a trace of the %s world', (world, traceOf) => {
  const jobs = world === 'real' ? anyRealJob(4) : anyJobOf(4);
  test('decodes, each sequence in the order of time, and holds all that took time', () => {
    fc.assert(
      fc.property(jobs, (job) => {
        const trace = traceOf(job);
        const found = read(trace, subjectOf(job));
        for (const events of groupBy(found.events, (event) => event.sequence).values())
          expect(events.every(({ at }, index) => index === 0 || at >= events[index - 1]!.at)).toBe(true);
        const there = new Set(spansIn(found));
        expect(spansOf(trace, job.devices).filter((span) => !there.has(span))).toEqual([]);
      }),
      { numRuns: 3 },
    );
  });
  test('links each message between devices from where it was sent to where it arrived, and nothing else', () => {
    fc.assert(
      fc.property(jobs, (job) => {
        const trace = traceOf(job);
        const { events, tracks } = read(trace, subjectOf(job));
        const rankOf = ({ track }: ReadEvent): string => tracks.get(tracks.get(track)!.parent!)!.name;
        const heads = new Map(events.flatMap((event) => event.terminated.map((id) => [id, event] as const)));
        const tails = events.flatMap((event) => event.flows.map((id) => [id, event] as const));
        const linked = tails.map(([id, tail]) => {
          const head = heads.get(id)!;
          return `${rankOf(tail)} ${tail.at} ${rankOf(head)} ${head.at} ${String(tail.words['bytes'])}`;
        });
        const name = (rank: number): string => (rank < job.devices ? `rank ${rank}` : 'supervisor');
        const sent = trace.flatMap((entry) =>
          entry.kind === 'message'
            ? [`${name(entry.from)} ${entry.sent} ${name(entry.to)} ${entry.arrived} ${entry.size}`]
            : [],
        );
        expect(linked.toSorted()).toEqual(sent.toSorted());
        expect(new Set(tails.map(([id]) => id)).size).toBe(tails.length);
        expect(heads.size).toBe(tails.length);
      }),
      { numRuns: 3 },
    );
  });
  test('counts in bytes what each rank holds, and shows the tracks of all ranks in one order', () => {
    fc.assert(
      fc.property(jobs, (job) => {
        const trace = traceOf(job);
        const found = read(trace, subjectOf(job));
        const counted = found.events.filter(({ type }) => type === 'counter');
        expect(counted.length).toBeGreaterThan(0);
        const last = new Map<string, number>();
        for (const { track, value } of counted) {
          if (found.tracks.get(track)!.unit !== 3) expect(found.tracks.get(track)).toBe('a counter of bytes');
          last.set(laneOf(found, track), value!);
        }
        const held = new Map<string, number>();
        for (const entry of trace)
          if (entry.kind === 'memory') {
            const rank = entry.rank < job.devices ? `rank ${entry.rank}` : 'supervisor';
            held.set(`${rank}: ${entry.tier} ${entry.purpose} (bytes)`, Math.round(entry.size));
          }
        expect(last).toEqual(held);
        const placeOf = new Map<string, Set<number | null>>();
        for (const { name, parent, place } of found.tracks.values())
          if (parent !== null) {
            expect(found.tracks.get(parent)!.ordersChildren).toBe(true);
            if (!name.endsWith(' (bytes)')) placeOf.set(name, (placeOf.get(name) ?? new Set()).add(place));
          }
        for (const places of placeOf.values()) expect(places.size).toBe(1);
      }),
      { numRuns: 3 },
    );
  });
});

describe('a trace in Perfetto’s format', () => {
  test('is the same, byte for byte, whenever the seed is', () => {
    fc.assert(
      fc.property(anyJobOf(4), (job) => {
        const [one, two] = [1, 2].map(() => bytesOf(perfettoBytes(DETAILED.simulated(job), subjectOf(job))));
        expect(one!.equals(two!)).toBe(true);
      }),
      { numRuns: 3 },
    );
  });
  test('shows the ranks that are asked for alone, and no arrow from or to another one', () => {
    fc.assert(
      fc.property(anyJobOf(4), fc.subarray([0, 1, 2, 3], { minLength: 1, maxLength: 3 }), (job, ranks) => {
        const trace = DETAILED.simulated(job);
        const { events, tracks } = read(trace, subjectOf(job, new Set(ranks)));
        const names = [...tracks.values()].filter(({ parent, uuid }) => parent === null && uuid !== 0);
        expect(names.map(({ name }) => name)).toEqual(ranks.map((rank) => `rank ${rank}`));
        const inside = trace.filter(
          (entry) => entry.kind === 'message' && ranks.includes(entry.from) && ranks.includes(entry.to),
        );
        expect(events.flatMap(({ flows }) => flows)).toHaveLength(inside.length);
        expect(events.flatMap(({ terminated }) => terminated)).toHaveLength(inside.length);
      }),
      { numRuns: 3 },
    );
  });
});
