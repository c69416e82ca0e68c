/** Laws of all-to-alls whose parts differ: each arrives where it belongs, and even ones cost what segments do. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  collectiveShape,
  collectiveTime,
  messageProgram,
  scratchBytes,
  sentBytes,
} from '../../src/collectives/collective.ts';
import { shareLength } from '../../src/collectives/exchange.ts';
import type { Collective, Parts } from '../../src/effects/effect.ts';
import type { Group } from '../../src/effects/group.ts';
import { member } from '../../src/effects/group.ts';
import { rank } from '../../src/units/identity.ts';
import { bytesPerSecond, seconds } from '../../src/units/quantity.ts';
import { positions } from '../worlds/collective-case.ts';
import { tensorOf, ValueWorld, valuesOf } from '../worlds/values.ts';

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);
const groupOf = (size: number, stride = 1): Group => ({ axis: 'ep', first: rank(0), stride, size });
const plainOf = (group: Group, values: readonly number[], received = values.length): Collective => ({
  kind: 'collective',
  operation: 'all-to-all',
  algorithm: { kind: 'direct' },
  group,
  whole: tensorOf(values),
  shard: tensorOf(positions(received).map(() => Number.NaN)),
});
const effectOf = (group: Group, parts: Parts, values: readonly number[]): Collective => ({
  ...plainOf(group, values, sum(parts.received)),
  parts,
});

/** Elements that each member has for each other one. */
const anyLengths = fc.integer({ min: 1, max: 8 }).chain((size) =>
  fc.array(fc.array(fc.oneof(fc.constant(0), fc.nat(20)), { minLength: size, maxLength: size }), {
    minLength: size,
    maxLength: size,
  }),
);
const anyOrder = fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }));

test('every part arrives in the order of the senders, in as many messages as there are others, to the byte', () => {
  fc.assert(
    fc.property(anyLengths, fc.integer({ min: 1, max: 4 }), anyOrder, (lengths, stride, order) => {
      const size = lengths.length;
      const group = groupOf(size, stride);
      const valueOf = (from: number, to: number, index: number): number => from * 10_000 + to * 100 + index;
      const valuesFor = (from: number, to: number): number[] =>
        positions(lengths[from]![to]!).map((index) => valueOf(from, to, index));
      const effects = positions(size).map((self) =>
        effectOf(
          group,
          { sent: lengths[self]!, received: lengths.map((row) => row[self]!) },
          positions(size).flatMap((to) => valuesFor(self, to)),
        ),
      );
      const world = new ValueWorld(() => order.next().value ?? 0);
      world.run(
        new Map(effects.map((effect, self) => [member(group, self), messageProgram(effect, member(group, self))])),
      );
      for (const [self, effect] of effects.entries()) {
        expect([...valuesOf(effect.shard)]).toEqual(positions(size).flatMap((from) => valuesFor(from, self)));
        const { sent, messages, peak } = world.conductOf(member(group, self));
        const shape = collectiveShape(effect, 2);
        expect({ sent, messages, peak }).toEqual({
          sent: sentBytes(shape, self),
          messages: size - 1,
          peak: scratchBytes(shape),
        });
      }
    }),
  );
});

test('parts as long as the segments would be cost and send what those do', () => {
  const links = {
    scaleUp: { latency: seconds(1e-6), bandwidth: bytesPerSecond(1e11) },
    nic: { latency: seconds(5e-6), bandwidth: bytesPerSecond(1e10) },
  };
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 16 }),
      fc.nat(400),
      fc.constantFrom(1, 2, 4, 16),
      (size, elements, domain) => {
        for (const self of positions(size)) {
          const even = positions(size).map((peer) => shareLength(elements, { size, self, peer, count: 1 }));
          const [group, values] = [groupOf(size), positions(elements)];
          const effects = [effectOf(group, { sent: even, received: even }, values), plainOf(group, values)];
          const [parted, segmented] = effects.map((effect) => collectiveShape(effect, domain));
          expect(sentBytes(parted!, self)).toBe(sentBytes(segmented!, self));
          expect(collectiveTime(parted!, links)).toBe(collectiveTime(segmented!, links));
          expect(scratchBytes(parted!)).toBe(scratchBytes(segmented!));
        }
      },
    ),
  );
});

test('parts that are not what the tensors hold are refused, and so is any other collective in parts', () => {
  const group = groupOf(2);
  const good = effectOf(group, { sent: [1, 2], received: [1, 4] }, [1, 2, 3]);
  const run = (effect: Collective): unknown => messageProgram(effect, rank(0));
  expect(() => run(good)).not.toThrow();
  expect(() => run({ ...good, parts: { sent: [1, 3], received: [1, 4] } })).toThrow('2 parts of 4 elements');
  expect(() => run({ ...good, parts: { sent: [1, 2], received: [5] } })).toThrow('1 parts of 5 elements');
  expect(() => run({ ...good, parts: { sent: [2, 1], received: [1, 4] } })).toThrow('has 2 elements for itself');
  expect(() => run({ ...good, shard: good.whole, parts: { sent: [1, 2], received: [1, 2] } })).toThrow(
    'lies in its whole',
  );
  expect(() => run({ ...good, operation: 'all-gather' })).toThrow('want a direct all-to-all');
  expect(() => run({ ...good, algorithm: { kind: 'hierarchical', domain: 2, segments: 1 } })).toThrow(
    'want a direct all-to-all',
  );
});
