/** Laws of the pipeline schedules: each pass once, in an order that cannot deadlock, in the published time and memory. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Pipeline, Seat } from '../../src/actors/schedules/pass-order.ts';
import {
  bubbleFraction,
  inFlightPeak,
  microbatchesToPeak,
  scheduleOf,
  scheduleRule,
} from '../../src/actors/schedules/schedule.ts';
import type { Pass, Slot } from '../../src/actors/schedules/slot.ts';
import { chunkOf, chunksMax, microbatchesMax, microbatchOf, passOf, slot } from '../../src/actors/schedules/slot.ts';
import type { ScheduleName } from '../../src/scenario/job.ts';
import { SCHEDULES } from '../../src/scenario/job.ts';
import { microbatch, modelChunk, stage } from '../../src/units/identity.ts';

interface Case extends Pipeline {
  readonly name: ScheduleName;
}
type Costs = Readonly<Record<Pass, number>>;

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

/** Every legal pipeline of up to 8 stages, 16 microbatches and 4 model chunks. */
const SMALL: readonly Case[] = SCHEDULES.flatMap((name) =>
  upTo(8).flatMap((stages) =>
    upTo(16).flatMap((microbatches) => upTo(4).map((chunks) => ({ name, stages, microbatches, chunks }))),
  ),
).filter(({ name, ...pipeline }) => scheduleRule(name, pipeline) === null);

const LARGE: fc.Arbitrary<Case> = fc
  .record({
    name: fc.constantFrom(...SCHEDULES),
    stages: fc.integer({ min: 2, max: 20 }),
    groups: fc.integer({ min: 1, max: 6 }),
    chunks: fc.integer({ min: 2, max: 6 }),
    extra: fc.nat(19),
  })
  .map(({ name, stages, groups, chunks, extra }) =>
    name === 'interleaved'
      ? { name, stages, microbatches: groups * stages, chunks }
      : { name, stages, microbatches: groups * stages + extra, chunks: 1 },
  );

describe.each(SCHEDULES)('%s', (name) => {
  const small = SMALL.filter((one) => one.name === name);

  test('every stage runs each forward and each backward of each model chunk exactly once', () => {
    for (const one of small) {
      const wanted = (['forward', 'backward'] as const).flatMap((pass) =>
        upTo(one.microbatches).flatMap((m) =>
          upTo(one.chunks).map((v) => word(slot(pass, microbatch(m - 1), modelChunk(v - 1)))),
        ),
      );
      for (const list of listsOf(one)) expect(list.map(word).sort()).toEqual(wanted.toSorted());
    }
  });

  test('every forward precedes its backward', () => {
    for (const one of small)
      for (const list of listsOf(one)) {
        const late = list.filter(
          (entry, index) =>
            passOf(entry) === 'backward' && list.indexOf(slot('forward', microbatchOf(entry), chunkOf(entry))) > index,
        );
        expect({ ...one, late }).toEqual({ ...one, late: [] });
      }
  });

  test.each<Costs>([
    { forward: 1, backward: 1 },
    { forward: 1, backward: 2 },
  ])('no stage waits for ever, and all wait for the published share of the step: %o', (costs) => {
    for (const one of small) expect(bubbleOf(one, costs)).toEqual(publishedBubble(one, costs));
  });

  test('the peak in flight, counted from the list, is the closed form on every stage', () => {
    for (const one of small) {
      const counted = listsOf(one).map((list) => Math.max(...momentsOf(list, one.chunks).map(inFlightIn)));
      const closed = seatsOf(one).map((seat) => inFlightPeak({ ...seat, name }));
      expect({ ...one, peaks: closed }).toEqual({ ...one, peaks: counted });
    }
  });
});

test('large pipelines wait for the published share of the step too', () => {
  fc.assert(
    fc.property(LARGE, fc.integer({ min: 1, max: 4 }), (one, backward) => {
      const costs = { forward: 1, backward };
      expect(bubbleOf(one, costs)).toEqual(publishedBubble(one, costs));
    }),
    { numRuns: 50 },
  );
});

test('the peak in flight is the published one: m, min(m, p - s), and min(m v, 2 (p - s - 1) + (v - 1) p + 1)', () => {
  const peaks = (name: ScheduleName, microbatches: number, chunks: number): number[] =>
    seatsOf({ name, stages: 4, microbatches, chunks }).map((seat) => inFlightPeak({ ...seat, name }));
  expect(peaks('gpipe', 8, 1)).toEqual([8, 8, 8, 8]);
  expect(peaks('1f1b', 8, 1)).toEqual([4, 3, 2, 1]);
  expect(peaks('1f1b', 2, 1)).toEqual([2, 2, 2, 1]);
  expect(peaks('interleaved', 8, 2)).toEqual([11, 9, 7, 5]);
  expect(peaks('interleaved', 4, 2)).toEqual([8, 8, 7, 5]);
});

test('the first of 4 stages takes 8 microbatches in the order that Narayanan et al. draw in figure 4', () => {
  const drawn = (name: ScheduleName, chunks: number): string =>
    scheduleOf(name)({ stage: stage(0), stages: 4, microbatches: 8, chunks })
      .map((entry) => microbatchOf(entry) + 1)
      .join(' ');
  expect(drawn('1f1b', 1)).toBe('1 2 3 4 1 5 2 6 3 7 4 8 5 6 7 8');
  expect(drawn('interleaved', 2)).toBe('1 2 3 4 1 2 3 4 5 6 7 1 8 2 5 3 6 4 7 1 8 2 3 4 5 6 7 8 5 6 7 8');
});

test('a few microbatches show all that a stage ever holds, and first in the same slots', () => {
  fc.assert(
    fc.property(LARGE, (one) => {
      const few = { ...one, microbatches: microbatchesToPeak(one.name, one) };
      const seen = (whole: Case): string[][] => listsOf(whole).map((list) => maximaOf(list, whole.chunks));
      expect(seen(few)).toEqual(seen(one));
    }),
  );
});

test('the few microbatches are no more than the pipeline is deep, twice that when interleaved', () => {
  expect(microbatchesToPeak('gpipe', { stages: 4, microbatches: 64, chunks: 1 })).toBe(64);
  expect(microbatchesToPeak('1f1b', { stages: 4, microbatches: 64, chunks: 1 })).toBe(4);
  expect(microbatchesToPeak('interleaved', { stages: 4, microbatches: 64, chunks: 2 })).toBe(8);
  expect(microbatchesToPeak('1f1b', { stages: 4, microbatches: 3, chunks: 1 })).toBe(3);
});

test('a schedule refuses a pipeline that it cannot run, and says what it got', () => {
  const pipeline = { stages: 4, microbatches: 8, chunks: 2 };
  expect(scheduleRule('interleaved', pipeline)).toBeNull();
  expect(scheduleRule('interleaved', { ...pipeline, stages: 1 })).toMatch(/^schedule interleaved .* stages, got 1$/);
  expect(scheduleRule('interleaved', { ...pipeline, chunks: 1 })).toMatch(/model chunks a stage, got 1$/);
  expect(scheduleRule('interleaved', { ...pipeline, chunks: chunksMax + 1 })).toMatch(/got 1025$/);
  expect(scheduleRule('interleaved', { ...pipeline, microbatches: 6 })).toMatch(/4 stages divide, got 6$/);
  for (const name of ['gpipe', '1f1b'] as const) {
    expect(scheduleRule(name, pipeline)).toMatch(/1 model chunk a stage, got 2$/);
    expect(scheduleRule(name, { stages: 1, microbatches: 1, chunks: 1 })).toBeNull();
    expect(scheduleRule(name, { ...pipeline, chunks: 1, microbatches: microbatchesMax })).toBeNull();
    expect(scheduleRule(name, { ...pipeline, chunks: 1, microbatches: microbatchesMax + 1 })).toMatch(/got 1048577$/);
  }
});

test('a slot keeps its pass, its microbatch and its model chunk', () => {
  fc.assert(
    fc.property(
      fc.constantFrom<Pass>('forward', 'backward'),
      fc.oneof(fc.nat(microbatchesMax - 1), fc.constant(microbatchesMax - 1)),
      fc.oneof(fc.nat(chunksMax - 1), fc.constant(chunksMax - 1)),
      (pass, m, v) => {
        const packed = slot(pass, microbatch(m), modelChunk(v));
        expect([passOf(packed), microbatchOf(packed), chunkOf(packed)]).toEqual([pass, m, v]);
      },
    ),
  );
});

const seatsOf = ({ stages, microbatches, chunks }: Case): Seat[] =>
  upTo(stages).map((s) => ({ stage: stage(s - 1), stages, microbatches, chunks }));
const listsOf = (one: Case): (readonly Slot[])[] => seatsOf(one).map(scheduleOf(one.name));
const word = (entry: Slot): string => `${passOf(entry)} ${microbatchOf(entry)} ${chunkOf(entry)}`;

/** The step and the waiting of every stage, in units of time; and how many passes never ran. */
interface Bubble {
  readonly one: Case;
  readonly step: number;
  readonly waiting: readonly number[];
  readonly stuck: number;
}

const publishedBubble = (one: Case, { forward, backward }: Costs): Bubble => {
  const step = (one.microbatches * one.chunks + one.stages - 1) * (forward + backward);
  return { one, step, waiting: upTo(one.stages).map(() => Math.round(bubbleFraction(one) * step)), stuck: 0 };
};

/** Runs all lists, each in its order and each pass as soon as what it needs is there; messages take no time. */
const bubbleOf = (one: Case, costs: Costs): Bubble => {
  const lists = listsOf(one);
  const position = lists.map(() => 0);
  const clock = lists.map(() => 0);
  const ends = new Map<string, number>();
  for (let moved = true; moved;) {
    moved = false;
    lists.forEach((list, s) => {
      for (let at = list[position[s]!]; at !== undefined; at = list[position[s]!]) {
        const ready = needsOf(one, s, at).map((need) => ends.get(need));
        if (ready.includes(undefined)) return;
        clock[s] = Math.max(clock[s]!, ...ready.map(Number)) + costs[passOf(at)];
        ends.set(`${s} ${word(at)}`, clock[s]);
        position[s]!++;
        moved = true;
      }
    });
  }
  const step = Math.max(...clock);
  const work = lists.map((list, s) => list.slice(0, position[s]).reduce((sum, at) => sum + costs[passOf(at)], 0));
  const stuck = lists.reduce((sum, list, s) => sum + list.length - position[s]!, 0);
  return { one, step, waiting: work.map((busy) => step - busy), stuck };
};

/** Which passes on which stages must have ended before `entry` can start on stage `s`. */
const needsOf = ({ stages, chunks }: Case, s: number, entry: Slot): string[] => {
  const pass = passOf(entry);
  const m = microbatchOf(entry);
  const v = chunkOf(entry);
  const on = (other: number, p: Pass, chunk: number): string => `${other} ${p} ${m} ${chunk}`;
  if (pass === 'forward') {
    if (s > 0) return [on(s - 1, 'forward', v)];
    return v > 0 ? [on(stages - 1, 'forward', v - 1)] : [];
  }
  if (s < stages - 1) return [on(s, 'forward', v), on(s + 1, 'backward', v)];
  return v < chunks - 1 ? [on(s, 'forward', v), on(0, 'backward', v + 1)] : [on(s, 'forward', v)];
};

/** What a stage holds while it runs a slot: by model chunk, how many microbatches are in flight. */
interface Moment {
  readonly slot: Slot;
  readonly inFlight: readonly number[];
}
const inFlightIn = ({ inFlight }: Moment): number => inFlight.reduce((sum, count) => sum + count, 0);

const momentsOf = (list: readonly Slot[], chunks: number): Moment[] => {
  const inFlight = new Array<number>(chunks).fill(0);
  return list.map((entry) => {
    if (passOf(entry) === 'forward') inFlight[chunkOf(entry)]!++;
    const moment = { slot: entry, inFlight: [...inFlight] };
    if (passOf(entry) === 'backward') inFlight[chunkOf(entry)]!--;
    return moment;
  });
};

/** The moments that no other of the same pass and model chunk exceeds: one of them is the peak, whatever a chunk weighs. */
const maximaOf = (list: readonly Slot[], chunks: number): string[] => {
  const firsts = new Map<string, Moment>();
  for (const moment of momentsOf(list, chunks)) {
    const key = `${passOf(moment.slot)} ${chunkOf(moment.slot)}: ${moment.inFlight.join(' ')}`;
    if (!firsts.has(key)) firsts.set(key, moment);
  }
  const moments = [...firsts.values()];
  return moments
    .filter((moment) => !moments.some((other) => exceeds(other, moment)))
    .map(({ slot: entry, inFlight }) => `${word(entry)}: ${inFlight.join(' ')}`)
    .sort();
};

const exceeds = (a: Moment, b: Moment): boolean =>
  passOf(a.slot) === passOf(b.slot) &&
  chunkOf(a.slot) === chunkOf(b.slot) &&
  a.inFlight.every((count, chunk) => count >= b.inFlight[chunk]!) &&
  a.inFlight.some((count, chunk) => count > b.inFlight[chunk]!);
