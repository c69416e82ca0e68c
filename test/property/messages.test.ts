/** Laws of the messages: what is sent is received, no earlier than it arrived. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Place } from '../../src/actors/mesh.ts';
import { placeOf } from '../../src/actors/mesh.ts';
import { linksOf } from '../../src/actors/device-context.ts';
import type { Axis } from '../../src/effects/group.ts';
import type { Message, Receipt, Trace, TraceEntry } from '../../src/effects/trace.ts';
import type { Term } from '../../src/sim/evaluation.ts';
import { TERMS } from '../../src/sim/evaluation.ts';
import { folded } from '../../src/sim/folded.ts';
import { message } from '../../src/sim/message.ts';
import { expertDataRanks } from '../../src/scenario/job.ts';
import type { Tally } from '../worlds/counting.ts';
import { countStep } from '../worlds/counting.ts';
import { mixtureModel } from '../worlds/families.ts';
import { anyJob, legalJobs, nameOf } from '../worlds/job-case.ts';
import { rank } from '../../src/units/identity.ts';
import { sentAlong } from '../worlds/volume.ts';

const entriesOf = <K extends TraceEntry['kind']>(trace: Trace, kind: K): Extract<TraceEntry, { kind: K }>[] =>
  trace.filter((entry): entry is Extract<TraceEntry, { kind: K }> => entry.kind === kind);
const add = (terms: readonly number[]): number => terms.reduce((sum, term) => sum + term, 0);
const nanoseconds = (time: number): number => Math.round(time * 1e9);

const groupBy = <T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> => {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
};
const channelOf = ({ from, to, axis, tag }: Message | Receipt): string => `${axis} ${from} -> ${to}, tag ${tag}`;

test('every message is received once, whole, in its order on the channel, and not before it has arrived', () => {
  fc.assert(
    fc.property(anyJob, (job) => {
      const { trace } = message(job);
      const sent = groupBy(entriesOf(trace, 'message'), channelOf);
      const received = groupBy(entriesOf(trace, 'receipt'), channelOf);
      expect([...received.keys()].sort()).toEqual([...sent.keys()].sort());
      for (const [channel, messages] of sent) {
        const receipts = received.get(channel)!;
        expect(receipts.map(({ size }) => size)).toEqual(messages.map(({ size }) => size));
        for (const [index, { arrived }] of messages.entries())
          expect(arrived, channel).toBeLessThanOrEqual(receipts[index]!.at);
      }
    }),
    { numRuns: 60 },
  );
});

/** What a message along each axis may change of a rank's place: those of experts lie across the others. */
const MOVES: Readonly<Record<Exclude<Axis, 'control'>, RegExp>> = {
  tp: /^tp$/,
  cp: /^cp$/,
  pp: /^pp$/,
  dp: /^(cp|dp|cp dp)$/,
  ep: /^((tp|cp|dp) ?)+$/,
  etp: /^((tp|cp|dp) ?)+$/,
  edp: /^((tp|cp|dp) ?)+$/,
  replica: /^((tp|cp|dp) ?)+$/,
};

// oxlint-disable-next-line vitest/expect-expect -- it fails by itself for any message that strays
test('messages along an axis change that coordinate of the rank grid and no other', () => {
  const models = [
    { tied: true, layers: 4 },
    { ...mixtureModel(), layers: 4 },
  ];
  for (const devices of [2, 4])
    for (const model of models)
      for (const job of legalJobs(devices, { model, workload: { globalBatch: 2 * devices } })) {
        const moved = new Set<string>();
        for (const { axis, from, to } of entriesOf(message(job).trace, 'message')) {
          if (axis === 'control') continue;
          const [start, end] = [from, to].map((self) => placeOf(job.layout, rank(self))) as [Place, Place];
          const changed = (['tp', 'cp', 'dp', 'stage'] as const).filter((each) => start[each] !== end[each]);
          const words = changed.join(' ').replace('stage', 'pp');
          if (!moved.has(`${axis} ${words}`)) expect(words, `${axis}: ${nameOf(job)}`).toMatch(MOVES[axis]);
          moved.add(`${axis} ${words}`);
        }
      }
});

test('a message takes at least its push and its latency, and no link of a rank pushes two at once', () => {
  fc.assert(
    fc.property(anyJob, (job) => {
      const domain = job.cluster.scaleUpDomain;
      const isNear = ({ from, to }: Message): boolean => Math.floor(from / domain) === Math.floor(to / domain);
      const linkOf = (one: Message) => linksOf(job)[isNear(one) ? 'scaleUp' : 'nic'];
      const pushOf = (one: Message): number => nanoseconds(one.size / linkOf(one).bandwidth);
      const { trace } = message(job);
      const lanes = groupBy(entriesOf(trace, 'message'), (one) => `${one.from} ${one.axis} ${isNear(one)}`);
      for (const lane of lanes.values())
        for (const [index, one] of lane.entries()) {
          const pushed = one.arrived - nanoseconds(linkOf(one).latency);
          const before = index === 0 ? 0 : lane[index - 1]!.arrived - nanoseconds(linkOf(one).latency);
          expect(pushed).toBe(Math.max(one.sent, before) + pushOf(one));
        }
    }),
    { numRuns: 40 },
  );
});

test('a lane of a rank does one thing at a time', () => {
  fc.assert(
    fc.property(anyJob, (job) => {
      const lanes = groupBy(entriesOf(message(job).trace, 'span'), ({ rank, lane }) => `${rank} ${lane}`);
      for (const lane of lanes.values())
        for (const [index, { start, end }] of lane.entries()) {
          expect(start).toBeLessThanOrEqual(end);
          if (index > 0) expect(lane[index - 1]!.end).toBeLessThanOrEqual(start);
        }
    }),
    { numRuns: 40 },
  );
});

test('the terms of every stage add up to the step', () => {
  fc.assert(
    fc.property(anyJob, (job) => {
      for (const { step, stages } of [folded(job), message(job).evaluation])
        for (const { terms } of stages) {
          expect(add(TERMS.map((term) => nanoseconds(terms[term])))).toBe(nanoseconds(step));
          for (const term of TERMS) expect(terms[term]).toBeGreaterThanOrEqual(0);
        }
    }),
    { numRuns: 60 },
  );
});

const COMPUTE_TERMS: readonly Term[] = ['matrix', 'attention', 'vector', 'recompute', 'optimizer'];

test('what a rank computed is the length of its spans, and the rest of its time it waited', () => {
  fc.assert(
    fc.property(anyJob, (job) => {
      const { trace, reports } = message(job);
      const spans = groupBy(
        entriesOf(trace, 'span').filter(({ lane }) => lane === 'compute'),
        ({ rank }) => String(rank),
      );
      for (const [index, { work, at }] of reports.entries()) {
        const computed = add(COMPUTE_TERMS.map((term) => work.spentOn(term)));
        expect(computed).toBe(add((spans.get(String(index)) ?? []).map(({ start, end }) => end - start)));
        expect(work.spent).toBe(at);
      }
    }),
    { numRuns: 60 },
  );
});

test('a step is no shorter than its busiest lane, and no longer than all its work in single file', () => {
  fc.assert(
    fc.property(anyJob, (job) => {
      const { trace, evaluation } = message(job);
      const length = ({ start, end }: { start: number; end: number }): number => end - start;
      const spans = entriesOf(trace, 'span');
      const lanes = [...groupBy(spans, ({ rank, lane }) => `${rank} ${lane}`).values()];
      const step = nanoseconds(evaluation.step);
      for (const lane of lanes) expect(add(lane.map(length))).toBeLessThanOrEqual(step);
      const messages = entriesOf(trace, 'message').map(({ sent, arrived }) => arrived - sent);
      expect(step).toBeLessThanOrEqual(add(spans.map(length)) + add(messages));
    }),
    { numRuns: 40 },
  );
});

test('a world that knows nothing of time sends the same bytes along every axis', () => {
  fc.assert(
    fc.property(anyJob, (job) => {
      const tallies = countStep(job);
      const { trace } = message(job);
      const sum = (of: (tally: Tally) => number): number => tallies.reduce((total, tally) => total + of(tally), 0);
      // Every rank of a group of n counts all its trips: together they move n - 1 wholes a trip.
      const { tp, cp, pp, dp, ep, etp, replicas } = job.layout;
      const sizes = { tp, pp, dp: (cp * dp) / replicas, ep, etp, edp: expertDataRanks(job.layout) / replicas } as const;
      for (const [axis, size] of Object.entries(sizes) as [keyof typeof sizes, number][]) {
        const moved = sum(({ sent, trips }) => sent[axis] + (trips[axis] * (size - 1)) / size);
        expect(sentAlong(trace, axis), axis).toBeCloseTo(moved, 3);
      }
    }),
    { numRuns: 60 },
  );
});
