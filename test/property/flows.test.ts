/** Laws of flows that share links: nothing is lost, no link carries more than it can, and nobody could be faster for free. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EventHeap } from '../../src/sim/network/event-heap.ts';
import type { Route } from '../../src/sim/network/flows.ts';
import { Flows } from '../../src/sim/network/flows.ts';

interface Wanted {
  readonly links: readonly number[];
  readonly size: number;
  readonly at: number;
}
const LINKS = 6;
const anyWanted: fc.Arbitrary<Wanted> = fc.record({
  links: fc.uniqueArray(fc.nat(LINKS - 1), { minLength: 1, maxLength: 4 }),
  size: fc.integer({ min: 1, max: 1000 }),
  at: fc.nat(1500),
});
const anyNetwork = fc.record({
  wanted: fc.array(anyWanted, { minLength: 1, maxLength: 12 }),
  capacity: fc.array(fc.constantFrom(0.25, 0.5, 1, 1.5, 2, 8), { minLength: LINKS, maxLength: LINKS }),
});
const routeOf = ({ links }: Wanted): Route => links.map((link) => ({ link, weight: 1 }));

const runAll = (wanted: readonly Wanted[], capacity: readonly number[]) => {
  const flows = new Flows(Float64Array.from(capacity));
  const ends = wanted.map(() => Number.NaN);
  for (const [index, one] of wanted.entries())
    flows.begin(routeOf(one), one.size, one.at, (end) => {
      ends[index] = end;
    });
  while (flows.advance());
  return { flows, ends };
};

/** The same by the definition, in steps of a nanosecond: rates are found anew at each of them, flow by flow. */
const stepByStep = (wanted: readonly Wanted[], capacity: readonly number[]): readonly number[] => {
  const left = wanted.map(({ size }) => size);
  const ends = wanted.map(() => Number.NaN);
  for (let now = 0; ends.some((end) => Number.isNaN(end)); now++) {
    const active = wanted.flatMap(({ at }, index) => (at <= now && Number.isNaN(ends[index]) ? [index] : []));
    for (const index of active) if (left[index]! <= 1e-6) ends[index] = now;
    const going = active.filter((index) => Number.isNaN(ends[index]));
    for (const [index, rate] of fairRates(going, wanted, capacity)) left[index]! -= rate;
  }
  return ends;
};
/** All rates grow together; whoever meets a full link, or its own full rate, stays behind. */
const fairRates = (
  going: readonly number[],
  wanted: readonly Wanted[],
  capacity: readonly number[],
): ReadonlyMap<number, number> => {
  const rates = new Map<number, number>();
  const room = [...capacity];
  let growing = [...going];
  let level = 0;
  while (growing.length > 0) {
    const users = room.map((_, link) => growing.filter((index) => wanted[index]!.links.includes(link)).length);
    const step = Math.min(1 - level, ...room.flatMap((free, link) => (users[link]! > 0 ? [free / users[link]!] : [])));
    level += step;
    for (const [link, count] of users.entries()) room[link]! -= step * count;
    const isHeld = (index: number): boolean =>
      level >= 1 - 1e-12 || wanted[index]!.links.some((link) => room[link]! < 1e-12);
    for (const index of growing.filter(isHeld)) rates.set(index, level);
    growing = growing.filter((index) => !isHeld(index));
  }
  return rates;
};

describe('flows', () => {
  test('end when a nanosecond by nanosecond filling of the links says so', () => {
    fc.assert(
      fc.property(anyNetwork, ({ wanted, capacity }) => {
        const { ends } = runAll(wanted, capacity);
        for (const [index, end] of stepByStep(wanted, capacity).entries())
          // Each end is rounded up to a whole nanosecond, and those behind it see that.
          expect(Math.abs(ends[index]! - end)).toBeLessThanOrEqual(2 * wanted.length);
      }),
      { numRuns: 60 },
    );
  });
  test('bring all they have over every link, and no link is ever more than full', () => {
    fc.assert(
      fc.property(anyNetwork, ({ wanted, capacity }) => {
        const { flows, ends } = runAll(wanted, capacity);
        for (let link = 0; link < LINKS; link++) {
          const sent = wanted.filter(({ links }) => links.includes(link)).reduce((sum, { size }) => sum + size, 0);
          expect(flows.carried[link]).toBeCloseTo(sent, 3);
          expect(flows.fullest[link]).toBeLessThanOrEqual(1 + 1e-9);
        }
        for (const [index, { size, at }] of wanted.entries()) expect(ends[index]).toBeGreaterThanOrEqual(at + size);
      }),
    );
  });
  test('are in nobody else’s way: alone each takes its own time, to the nanosecond', () => {
    fc.assert(
      fc.property(anyWanted, (one) => {
        const { flows, ends } = runAll([one], Array<number>(LINKS).fill(1));
        expect(ends).toEqual([one.at + one.size]);
        expect([...flows.lost]).toEqual(Array<number>(LINKS).fill(0));
      }),
    );
  });
  test('end in the same instants whatever order they were asked for in', () => {
    fc.assert(
      fc.property(anyNetwork, ({ wanted, capacity }) => {
        const { ends } = runAll(wanted, capacity);
        const turned = runAll(wanted.toReversed(), capacity).ends.toReversed();
        for (const [index, end] of ends.entries()) expect(Math.abs(turned[index]! - end)).toBeLessThanOrEqual(1);
      }),
    );
  });
});

test('events leave in the order of their times, and those of one time as they came', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20), { maxLength: 3000 }), (times) => {
      const heap = new EventHeap();
      for (const [event, time] of times.entries()) heap.add(time, event);
      const wanted = times.map((time, event) => ({ time, event })).toSorted((a, b) => a.time - b.time);
      expect(times.map(() => heap.take())).toEqual(wanted.map(({ event }) => event));
      expect(heap.nextTime).toBe(Infinity);
    }),
  );
});
