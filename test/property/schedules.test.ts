/** Laws of the pipeline schedules: each pass once, in an order that cannot deadlock, in the published time and memory. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { PassTimes } from '../../src/actors/schedules/pass-order.ts';
import {
  bubbleFraction,
  inFlightPeak,
  microbatchesToPeak,
  passCount,
  scheduleOf,
  scheduleRule,
  splitsBackward,
} from '../../src/actors/schedules/schedule.ts';
import {
  chunkOf,
  chunksMax,
  isJoined,
  joined,
  microbatchesMax,
  microbatchOf,
  PASSES,
  passOf,
  slot,
} from '../../src/actors/schedules/slot.ts';
import type { ScheduleName } from '../../src/scenario/job.ts';
import { SCHEDULES } from '../../src/scenario/job.ts';
import { microbatch, modelChunk, stage } from '../../src/units/identity.ts';
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
const SMALL: readonly Case[] = SCHEDULES.flatMap((name) =>
  upTo(8).flatMap((stages) =>
    upTo(24).flatMap((microbatches) => upTo(4).map((chunks) => ({ name, stages, microbatches, chunks }))),
  ),
).filter(({ name, ...pipeline }) => scheduleRule(name, pipeline) === null);

/** Model chunks a stage that the schedule takes. */
const anyChunks = (name: ScheduleName): fc.Arbitrary<number> =>
  name === 'interleaved' ? fc.integer({ min: 2, max: 6 }) : fc.constant(name === 'zb-v' || name === 'dualpipe' ? 2 : 1);

const LARGE: fc.Arbitrary<Case> = fc
  .constantFrom(...SCHEDULES)
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
const timesFor = (name: ScheduleName): readonly PassTimes[] => {
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
const holds = (name: ScheduleName, { forward, backward, weight }: PassTimes): boolean => {
  if (name === 'zb-v') return forward === backward && backward === weight;
  return name !== 'dualpipe' || forward === backward;
};

describe.each(SCHEDULES)('%s', (name) => {
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
  const bubble = (name: ScheduleName, stages: number, chunks: number, times = equal): number => {
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
  const peaks = (name: ScheduleName, microbatches: number, chunks: number): number[] =>
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

test('the first of 4 stages takes 8 microbatches in the order that Narayanan et al. draw in figure 4', () => {
  const drawn = (name: ScheduleName, chunks: number): string =>
    scheduleOf(name)({ stage: stage(0), stages: 4, microbatches: 8, chunks })
      .map((entry) => microbatchOf(entry) + 1)
      .join(' ');
  expect(drawn('1f1b', 1)).toBe('1 2 3 4 1 5 2 6 3 7 4 8 5 6 7 8');
  expect(drawn('interleaved', 2)).toBe('1 2 3 4 1 2 3 4 5 6 7 1 8 2 5 3 6 4 7 1 8 2 3 4 5 6 7 8 5 6 7 8');
});

test('the first stages take the split passes in the order that the papers draw', () => {
  const drawn = (name: ScheduleName, s: number, chunks: number, microbatches: number): string =>
    scheduleOf(name)({ stage: stage(s), stages: 4, microbatches, chunks })
      .map((entry) => `${'FBW'[PASSES.indexOf(passOf(entry))]}${microbatchOf(entry) + 1}${'ab'[chunkOf(entry)]}`)
      .join(' ');
  expect(drawn('zb-h1', 0, 1, 5)).toBe('F1a F2a F3a F4a B1a W1a F5a B2a W2a B3a W3a B4a W4a B5a W5a');
  expect(drawn('zb-h1', 2, 1, 5)).toBe('F1a F2a B1a F3a B2a F4a B3a W1a F5a B4a W2a B5a W3a W4a W5a');
  expect(drawn('zb-v', 3, 2, 7)).toBe(
    'F1a F1b F2a F2b F3a F3b F4a F4b B1b W1b F5a B1a W1a F5b B2b W2b F6a B2a W2a F6b B3b W3b F7a B3a W3a F7b B4b W4b ' +
      'B4a B5b B5a B6b B6a B7b B7a W4a W5b W6b W7b W5a W6a W7a',
  );
});

test('the stages of DualPipe take the passes in the order of its authors, joined where theirs overlap', () => {
  const drawn = (s: number): string =>
    scheduleOf('dualpipe')({ stage: stage(s), stages: 4, microbatches: 8, chunks: 2 })
      .map((entry) => {
        const name = `${'FBW'[PASSES.indexOf(passOf(entry))]}${microbatchOf(entry) + 1}${'ab'[chunkOf(entry)]}`;
        return `${name}${isJoined(entry) ? '+' : ' '}`;
      })
      .join('')
      .trim();
  expect(drawn(0)).toBe(
    'F1a F2a F3a F5b B5b W5b F6b F4a+B6b+W6b F7b+B1a+W1a B7b+W7b F8b+B2a+W2a B8b+W8b B3a W3a B4a W4a',
  );
  expect(drawn(1)).toBe(
    'F1a F5b F2a F6b F3a B5b+W5b F7b+B1a+W1a F4a+B6b+W6b F8b+B2a+W2a B7b+W7b B3a+W3a B8b B4a W8b W4a',
  );
  expect(drawn(3)).toBe(
    'F5b F6b F7b F1a B1a W1a F2a F8b+B2a+W2a F3a+B5b+W5b B3a+W3a F4a+B6b+W6b B4a+W4a B7b W7b B8b W8b',
  );
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

test('a schedule refuses a pipeline that it cannot run, and says what it got', () => {
  const pipeline = { stages: 4, microbatches: 8, chunks: 2 };
  expect(scheduleRule('interleaved', pipeline)).toBeNull();
  expect(scheduleRule('interleaved', { ...pipeline, stages: 1 })).toMatch(/^schedule interleaved .* stages, got 1$/);
  expect(scheduleRule('interleaved', { ...pipeline, chunks: 1 })).toMatch(/model chunks a stage, got 1$/);
  expect(scheduleRule('interleaved', { ...pipeline, chunks: chunksMax + 1 })).toMatch(/got 257$/);
  expect(scheduleRule('interleaved', { ...pipeline, microbatches: 6 })).toMatch(/4 stages divide, got 6$/);
  for (const name of ['gpipe', '1f1b', 'zb-h1'] as const)
    expect(scheduleRule(name, pipeline)).toMatch(/1 model chunk a stage, got 2$/);
  for (const name of ['gpipe', '1f1b'] as const) {
    expect(scheduleRule(name, { stages: 1, microbatches: 1, chunks: 1 })).toBeNull();
    expect(scheduleRule(name, { ...pipeline, chunks: 1, microbatches: microbatchesMax })).toBeNull();
    expect(scheduleRule(name, { ...pipeline, chunks: 1, microbatches: microbatchesMax + 1 })).toMatch(/got 1048577$/);
  }
  for (const name of ['zb-v', 'dualpipe'] as const) {
    expect(scheduleRule(name, pipeline)).toBeNull();
    for (const chunks of [1, 3]) expect(scheduleRule(name, { ...pipeline, chunks })).toMatch(/2 model chunks/);
  }
  for (const [name, chunks] of [
    ['zb-h1', 1],
    ['zb-v', 2],
    ['dualpipe', 2],
  ] as const)
    expect(scheduleRule(name, { stages: 1, microbatches: 8, chunks })).toMatch(/2 or more stages, got 1$/);
  expect(scheduleRule('dualpipe', { ...pipeline, stages: 3 })).toMatch(/even number of stages, got 3$/);
  expect(scheduleRule('dualpipe', { ...pipeline, microbatches: 9 })).toMatch(/even number of microbatches, got 9$/);
  expect(scheduleRule('dualpipe', { ...pipeline, microbatches: 6 })).toMatch(/its 4 stages, got 6$/);
  expect(scheduleRule('zb-v', { ...pipeline, microbatches: 1 })).toBeNull();
});

test('a slot keeps its pass, its microbatch and its model chunk, joined or not', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...PASSES),
      fc.oneof(fc.nat(microbatchesMax - 1), fc.constant(microbatchesMax - 1)),
      fc.oneof(fc.nat(chunksMax - 1), fc.constant(chunksMax - 1)),
      (pass, m, v) => {
        const packed = slot(pass, microbatch(m), modelChunk(v));
        expect([isJoined(packed), isJoined(joined(packed))]).toEqual([false, true]);
        for (const one of [packed, joined(packed)])
          expect([passOf(one), microbatchOf(one), chunkOf(one)]).toEqual([pass, m, v]);
      },
    ),
  );
});
