/** Laws of messages among thousands: they take what the message rung says, message by message, and what closed forms say. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { collectiveTime, sentBytes } from '../../src/collectives/collective.ts';
import { collective, tensor } from '../../src/effects/ask.ts';
import type { Algorithm, Operation, Program } from '../../src/effects/effect.ts';
import { messageCrowd } from '../../src/sim/message-crowd.ts';
import { rotatingCrowd } from '../../src/sim/rotating-crowd.ts';
import type { Rank } from '../../src/units/identity.ts';
import { rank } from '../../src/units/identity.ts';
import type { CollectiveCase } from '../worlds/collective-case.ts';
import { algorithmsOf, plainCase, positions, shardOf } from '../worlds/collective-case.ts';
import { combine } from '../worlds/collective-methods.ts';
import { machine, runAll } from '../worlds/small-world.ts';

/** Algorithms of one strand a rank. */
const SINGLE: ReadonlySet<string> = new Set(['ring', 'halving-doubling', 'direct', 'example']);
const SIZES = [1, 2, 3, 4, 6, 8];
const anyCase: fc.Arbitrary<CollectiveCase> = fc
  .record({
    size: fc.constantFrom(...SIZES),
    operation: fc.constantFrom<Operation>('all-reduce', 'all-gather', 'reduce-scatter', 'all-to-all', 'shift'),
    elements: fc.integer({ min: 1, max: 5000 }),
  })
  .chain(({ size, operation, elements }) =>
    fc
      .constantFrom(...algorithmsOf(operation, size).filter(({ kind }) => SINGLE.has(kind)))
      .map((algorithm) => plainCase(operation, algorithm, { size, elements })),
  );

function* playing(asked: CollectiveCase, self: Rank): Program<void> {
  const { operation, algorithm, ranks, elements } = asked;
  const whole = yield* tensor([elements], 'fp32', 'communication');
  const elsewhere = yield* tensor([elements], 'fp32', 'communication');
  const shard = shardOf(asked, { position: self, whole, elsewhere });
  yield* combine(algorithm, { operation, group: ranks, whole, shard }, self);
}

test('every rank is done when the message rung says so, whatever the collective of one strand', () => {
  fc.assert(
    fc.property(anyCase, (asked) => {
      const { strands, trace } = runAll(positions(asked.ranks.size).map((self) => playing(asked, rank(self))));
      const crowd = messageCrowd(asked.ranks.size, (self) => playing(asked, self), machine);
      expect([...crowd.ends]).toEqual(strands.map(({ state }) => state.at));
      expect(crowd.messages).toBe(trace.filter(({ kind }) => kind === 'message').length);
    }),
    { numRuns: 200 },
  );
});

/** So many elements for each of so many ranks in a row. */
function* combined(
  self: Rank,
  { operation, algorithm, size, each }: { operation: Operation; algorithm: Algorithm; size: number; each: number },
): Program<void> {
  const group = { axis: 'dp', first: rank(0), stride: 1, size } as const;
  const whole = yield* tensor([each * size], 'fp32', 'communication');
  const isWhole = operation === 'all-reduce';
  const shard = isWhole
    ? whole
    : yield* tensor([operation === 'all-to-all' ? each * size : each], 'fp32', 'communication');
  yield* collective({ operation, algorithm, group, whole, shard });
  expect(self).toBeLessThan(size);
}

const RINGS = [
  ['all-reduce', { kind: 'ring' }],
  ['all-gather', { kind: 'ring' }],
  ['reduce-scatter', { kind: 'ring' }],
  ['all-to-all', { kind: 'direct' }],
] as const;

test('where all do the same in a circle, one of them stands for all', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...RINGS),
      fc.integer({ min: 1, max: 24 }),
      fc.integer({ min: 1, max: 3000 }),
      fc.constantFrom(1, 2, 4, 100),
      ([operation, algorithm], size, each, scaleUpDomain) => {
        const asked = { operation, algorithm, size, each };
        const on = { ...machine, scaleUpDomain };
        const all = messageCrowd(size, (self) => combined(self, asked), on);
        const one = rotatingCrowd(size, combined(rank(0), asked), on);
        expect([...one.ends]).toEqual([...all.ends]);
        expect([...one.sent]).toEqual([...all.sent]);
        expect(one.messages).toBe(all.messages);
      },
    ),
    { numRuns: 150 },
  );
});

test('a ring of hundreds takes what its closed form says, and sends what it says, to the byte', () => {
  for (const [operation, algorithm] of RINGS) {
    const size = 256;
    const on = { ...machine, scaleUpDomain: 1 };
    const { ends, sent } = rotatingCrowd(size, combined(rank(0), { operation, algorithm, size, each: 4096 }), on);
    const shape = { operation, algorithm, group: { size, domain: 1 }, elements: 4096 * size, dtype: 'fp32' } as const;
    const expected = collectiveTime(shape, on.links) * 1e9;
    // Each message is rounded to a nanosecond.
    for (const end of ends) expect(Math.abs(end - expected)).toBeLessThanOrEqual(4 * size);
    expect(sent[0]).toBe(sentBytes(shape, 0));
  }
});

test('what nobody sends is a deadlock, and is said to be one', () => {
  const lonely = function* (self: Rank): Program<void> {
    const whole = yield* tensor([8], 'fp32', 'communication');
    const group = { axis: 'dp', first: rank(0), stride: 1, size: 3 } as const;
    if (self !== 1)
      yield* collective({ operation: 'all-reduce', algorithm: { kind: 'ring' }, group, whole, shard: whole });
  };
  expect(() => messageCrowd(3, lonely, machine)).toThrow('deadlock: message 1 from rank');
});
