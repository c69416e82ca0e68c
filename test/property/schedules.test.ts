/** Laws of the pipeline schedules: each pass once, in an order that cannot deadlock, in the published time and memory. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { PassTimes } from '../../src/actors/schedules/pass-order.ts';
import { chunkOf, isJoined, microbatchOf, PASSES, passOf, slot } from '../../src/actors/schedules/slot.ts';
import { microbatch, modelChunk } from '../../src/units/identity.ts';
import type { TriedName } from '../worlds/schedules.ts';
import {
  bubbleFraction,
  inFlightPeak,
  microbatchesToPeak,
  passCount,
  scheduleRule,
  splitsBackward,
  TRIED,
} from '../worlds/schedules.ts';
import type { Case } from '../worlds/slot-lists.ts';
import {
  goesThrough,
  inFlightIn,
  listsOf,
  maximaOf,
  momentsOf,
  pendingIn,
  runAll,
  seatsOf,
  upTo,
  word,
} from '../worlds/slot-lists.ts';

/** Every legal pipeline of up to 8 stages, 24 microbatches and 4 model chunks. */
const SMALL: readonly Case[] = TRIED.flatMap((name) =>
  upTo(8).flatMap((stages) =>
    upTo(24).flatMap((microbatches) => upTo(4).map((chunks) => ({ name, stages, microbatches, chunks }))),
  ),
).filter(({ name, ...pipeline }) => scheduleRule(name, pipeline) === null);

/** Model chunks a stage that the schedule takes. */
const anyChunks = (name: TriedName): fc.Arbitrary<number> =>
  name === 'interleaved' ? fc.integer({ min: 2, max: 6 }) : fc.constant(name === 'zb-v' || name === 'dualpipe' ? 2 : 1);

const LARGE: fc.Arbitrary<Case> = fc
  .constantFrom(...TRIED)
  .chain((name) =>
    fc.record({
      name: fc.constant(name),
      halfStages: fc.integer({ min: 1, max: 10 }),
      groups: fc.integer({ min: 2, max: 6 }),
      chunks: anyChunks(name),
      extra: fc.nat(9),
    }),
  )
  .map(({ name, halfStages, groups, chunks, extra }) => {
    const stages = 2 * halfStages;
    return { name, stages, microbatches: groups * stages + (name === 'interleaved' ? 0 : 2 * extra), chunks };
  });

/** Times of passes that the published bubbles hold for; a schedule that splits no backward makes it in one. */
const timesFor = (name: TriedName): readonly PassTimes[] => {
  const times: readonly (readonly [number, number, number])[] = splitsBackward(name)
    ? [
        [1, 1, 1],
        [2, 2, 1],
        [3, 3, 2],
        [3, 4, 2],
      ]
    : [
        [1, 1, 0],
        [1, 2, 0],
        [3, 4, 0],
      ];
  return times.map(([forward, backward, weight]) => ({ forward, backward, weight })).filter((one) => holds(name, one));
};
const holds = (name: TriedName, { forward, backward, weight }: PassTimes): boolean => {
  if (name === 'zb-v') return forward === backward && backward === weight;
  return name !== 'dualpipe' || forward === backward;
};

describe.each(TRIED)('%s', (name) => {
  const small = SMALL.filter((one) => one.name === name);

  test('there are pipelines to try', () => {
    expect(small.length).toBeGreaterThan(20);
  });

  test('every stage runs each pass of each microbatch that goes through each of its model chunks exactly once', () => {
    const passes = splitsBackward(name) ? PASSES : PASSES.filter((pass) => pass !== 'weight');
    for (const one of small) {
      const wanted = passes.flatMap((pass) =>
        upTo(one.microbatches).flatMap((m) =>
          upTo(one.chunks)
            .filter((v) => goesThrough(one, m - 1, v - 1))
            .map((v) => word(slot(pass, microbatch(m - 1), modelChunk(v - 1)))),
        ),
      );
      expect(passCount(name, one) * passes.length).toBe(wanted.length);
      for (const list of listsOf(one)) expect(list.map((entry) => word(entry)).sort()).toEqual(wanted.toSorted());
    }
  });

  test('every forward precedes its backward, and every backward its weight pass', () => {
    for (const one of small)
      for (const list of listsOf(one)) {
        const order = new Map(list.map((entry, index) => [word(entry), index]));
        const late = list.filter((entry, index) => {
          const before = PASSES[PASSES.indexOf(passOf(entry)) - 1];
          return before !== undefined && order.get(word(entry, before))! > index;
        });
        expect({ ...one, late }).toEqual({ ...one, late: [] });
      }
  });

  test('the passes of a kind take the microbatches of a model chunk in their order', () => {
    for (const one of small)
      for (const list of listsOf(one)) {
        const last = new Map<string, number>();
        for (const entry of list) {
          const kind = `${passOf(entry)} ${chunkOf(entry)}`;
          expect(microbatchOf(entry)).toBeGreaterThan(last.get(kind) ?? -1);
          last.set(kind, microbatchOf(entry));
        }
      }
  });

  test('what is joined is a backward and its weight pass, or a forward and the backward of another microbatch', () => {
    for (const one of small)
      for (const list of listsOf(one))
        for (const [index, entry] of list.entries()) {
          if (!isJoined(entry)) continue;
          const next = list[index + 1]!;
          if (passOf(entry) === 'backward') expect(word(next)).toBe(word(entry, 'weight'));
          else {
            expect([passOf(entry), passOf(next), isJoined(next)]).toEqual(['forward', 'backward', true]);
            expect(chunkOf(next)).not.toBe(chunkOf(entry));
          }
        }
  });

  test.each(timesFor(name))('no stage waits for ever, and none longer than the published bubble: %o', (times) => {
    for (const one of small) {
      const fraction = bubbleFraction(name, one, times);
      const { stuck, work, waits } = runAll(one, times, { asBlocks: true });
      expect({ ...one, stuck }).toEqual({ ...one, stuck: 0 });
      if (fraction === null) continue;
      const longest = Math.max(...waits);
      expect({ ...one, bubble: longest / (longest + work) }).toEqual({ ...one, bubble: fraction });
    }
  });

  test('the peak in flight, counted from the list, is the closed form on every stage', () => {
    for (const one of small) {
      const counted = listsOf(one).map((list) => Math.max(...momentsOf(list, one.chunks).map(inFlightIn)));
      const closed = seatsOf(one).map((seat) => inFlightPeak({ ...seat, name }));
      expect({ ...one, peaks: closed }).toEqual({ ...one, peaks: counted });
    }
  });
});

test('of the plain schedules all stages wait for the published share of the whole step', () => {
  for (const one of SMALL.filter(({ name }) => !splitsBackward(name))) {
    const times = { forward: 1, backward: 2, weight: 0 };
    const { step, work } = runAll(one, times, { asBlocks: true });
    expect({ ...one, idle: (step - work) / step }).toEqual({ ...one, idle: bubbleFraction(one.name, one, times) });
  }
});

test('large pipelines wait for the published share too', () => {
  fc.assert(
    fc.property(LARGE, (one) => {
      for (const times of timesFor(one.name)) {
        const { waits, work } = runAll(one, times, { asBlocks: true });
        const longest = Math.max(...waits);
        expect(longest / (longest + work)).toBe(bubbleFraction(one.name, one, times));
      }
    }),
    { numRuns: 25 },
  );
});

test('the published bubbles of the split schedules, in passes of equal length', () => {
  const equal = { forward: 1, backward: 1, weight: 1 };
  const bubble = (name: TriedName, stages: number, chunks: number, times = equal): number => {
    const share = bubbleFraction(name, { stages, microbatches: 16, chunks }, times)!;
    const work =
      passCount(name, { stages, microbatches: 16, chunks }) * (times.forward + times.backward + times.weight);
    return Math.round((share * work) / (1 - share));
  };
  // (p - 1)(T_F + T_B - T_W); none; (p / 2 - 1)(F&B + B - 3 W).
  expect([4, 8].map((stages) => bubble('zb-h1', stages, 1))).toEqual([3, 7]);
  expect(bubble('zb-h1', 8, 1, { forward: 3, backward: 4, weight: 2 })).toBe(35);
  expect([4, 8].map((stages) => bubble('zb-v', stages, 2))).toEqual([0, 0]);
  expect([2, 4, 8].map((stages) => bubble('dualpipe', stages, 2))).toEqual([0, 2, 6]);
  expect(bubble('dualpipe', 8, 2, { forward: 2, backward: 2, weight: 1 })).toBe(15);
  expect(bubbleFraction('zb-v', { stages: 4, microbatches: 16, chunks: 2 }, { ...equal, backward: 2 })).toBeNull();
});

test('with its joined passes one behind another DualPipe waits no longer than with them as one', () => {
  const times = { forward: 1, backward: 1, weight: 1 };
  for (const one of SMALL.filter(({ name }) => name === 'dualpipe')) {
    const { stuck, step } = runAll(one, times, { asBlocks: false });
    expect({ ...one, stuck }).toEqual({ ...one, stuck: 0 });
    expect(step).toBeLessThanOrEqual(runAll(one, times, { asBlocks: true }).step);
  }
});

test('with ZB-V every stage is busy from its first pass to its last, and starts one pass after the stage in front', () => {
  const one: Case = { name: 'zb-v', stages: 4, microbatches: 8, chunks: 2 };
  const { starts, waits, step, work } = runAll(one, { forward: 1, backward: 1, weight: 1 }, { asBlocks: true });
  expect(waits).toEqual([0, 0, 0, 0]);
  expect(starts).toEqual([0, 1, 2, 3]);
  expect(step).toBe(work + 3);
});

test('the peak in flight is the published one: m, min(m, p - s), and min(m v, 2 (p - s - 1) + (v - 1) p + 1)', () => {
  const peaks = (name: TriedName, microbatches: number, chunks: number): number[] =>
    seatsOf({ name, stages: 4, microbatches, chunks }).map((seat) => inFlightPeak({ ...seat, name }));
  expect(peaks('gpipe', 8, 1)).toEqual([8, 8, 8, 8]);
  expect(peaks('1f1b', 8, 1)).toEqual([4, 3, 2, 1]);
  expect(peaks('1f1b', 2, 1)).toEqual([2, 2, 2, 1]);
  expect(peaks('interleaved', 8, 2)).toEqual([11, 9, 7, 5]);
  expect(peaks('interleaved', 4, 2)).toEqual([8, 8, 7, 5]);
  // ZB-H1 as 1F1B; ZB-V p of two chunks, everywhere; DualPipe p + 1.
  expect(peaks('zb-h1', 8, 1)).toEqual([4, 3, 2, 1]);
  expect(peaks('zb-v', 8, 2)).toEqual([8, 8, 8, 8]);
  expect(peaks('dualpipe', 8, 2)).toEqual([5, 5, 5, 5]);
});

test('a forward of ZB-H1 and ZB-V waits for its weight pass no longer than p forwards: no stage keeps more than they do', () => {
  for (const one of SMALL.filter(({ name }) => name === 'zb-h1' || name === 'zb-v')) {
    const held = listsOf(one).map((list) =>
      Math.max(...momentsOf(list, one.chunks).map((moment) => inFlightIn(moment) + pendingIn(moment))),
    );
    for (const most of held) expect(most).toBeLessThanOrEqual(one.stages * one.chunks);
  }
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

test('the few microbatches are no more than the pipeline is deep, or twice that, unless the last ones show what no other does', () => {
  expect(microbatchesToPeak('gpipe', { stages: 4, microbatches: 64, chunks: 1 })).toBe(64);
  expect(microbatchesToPeak('1f1b', { stages: 4, microbatches: 64, chunks: 1 })).toBe(4);
  expect(microbatchesToPeak('interleaved', { stages: 4, microbatches: 64, chunks: 2 })).toBe(8);
  expect(microbatchesToPeak('1f1b', { stages: 4, microbatches: 3, chunks: 1 })).toBe(3);
  expect(microbatchesToPeak('zb-h1', { stages: 4, microbatches: 64, chunks: 1 })).toBe(8);
  expect(microbatchesToPeak('zb-v', { stages: 4, microbatches: 64, chunks: 2 })).toBe(64);
  expect(microbatchesToPeak('dualpipe', { stages: 4, microbatches: 64, chunks: 2 })).toBe(64);
});
