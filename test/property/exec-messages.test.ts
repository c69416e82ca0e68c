/** Laws of the real world on one machine: collectives, channels, and what may become of a tensor once it is sent. */
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { OPERATIONS } from '../../src/effects/effect.ts';
import { rank } from '../../src/units/identity.ts';
import type { CollectiveCase } from '../worlds/collective-case.ts';
import { algorithmsOf, plainCase, positions } from '../worlds/collective-case.ts';
import { leftAt } from '../worlds/collective-values.ts';
import { builtThread } from '../worlds/built-thread.ts';
import type { Played } from '../worlds/exec-crew.ts';
import { playHere, playOnThreads } from '../worlds/exec-crew.ts';
import type { Job, Planned } from '../worlds/exec-programs.ts';
import { contentAt } from '../worlds/exec-programs.ts';

const built = builtThread('test/worlds/exec-thread.ts');
afterAll(() => built.remove());
const onThreads = (job: Job, rankCount: number, slots?: number): Promise<Played> =>
  playOnThreads(job, rankCount, { thread: built.file, ...(slots === undefined ? {} : { slots }) });

const RANKS = 8;
/** On some of 8 ranks, with shards in place or not. */
const anyCase: fc.Arbitrary<CollectiveCase> = fc
  .record({ size: fc.integer({ min: 1, max: RANKS }), operation: fc.constantFrom(...OPERATIONS) })
  .chain(({ size, operation }) =>
    fc.record({
      algorithm: fc.constantFrom(...algorithmsOf(operation, size)),
      elements: fc.oneof(fc.nat(20), fc.nat(3000)),
      first: fc.nat(RANKS - size),
      inPlace: fc.boolean(),
      size: fc.constant(size),
      operation: fc.constant(operation),
    }),
  )
  .map(({ operation, algorithm, size, elements, first, inPlace }) => {
    const plain = plainCase(operation, algorithm, { size, elements });
    return { ...plain, inPlace, ranks: { ...plain.ranks, first: rank(first) } };
  });
const anyCollectives = fc
  .array(anyCase, { minLength: 1, maxLength: 12 })
  .map((cases): Job & { kind: 'collectives' } => ({ kind: 'collectives', cases }));

/** What every rank must answer, in the order of the cases that it takes part in. */
const expectedOf = (cases: readonly CollectiveCase[]): number[][][] =>
  positions(RANKS).map((self) =>
    cases.flatMap((asked) => {
      const position = self - asked.ranks.first;
      return position >= 0 && position < asked.ranks.size ? [leftAt(asked, position)] : [];
    }),
  );

describe('collectives', () => {
  test('every one of them, on 1 to 8 ranks, leaves what the arithmetic says', () => {
    for (const size of positions(RANKS + 1).slice(1)) {
      const cases = OPERATIONS.flatMap((operation) =>
        algorithmsOf(operation, size).flatMap((algorithm) =>
          [1, 2 * size + 1].map((elements) => plainCase(operation, algorithm, { size, elements })),
        ),
      );
      expect(playHere({ kind: 'collectives', cases }, RANKS).results).toEqual(expectedOf(cases));
    }
  });

  test('they do one after the other, on any ranks, for any number of elements, in place or not', () => {
    fc.assert(
      fc.property(anyCollectives, (job) => {
        expect(playHere(job, RANKS).results).toEqual(expectedOf(job.cases));
      }),
      { numRuns: 60 },
    );
  });

  test('on threads they leave the same, through few slots or many', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyCase, { minLength: 40, maxLength: 60 }),
        fc.constantFrom(1, 2, 64),
        async (cases, slots) => {
          expect((await onThreads({ kind: 'collectives', cases }, RANKS, slots)).results).toEqual(expectedOf(cases));
        },
      ),
      { numRuns: 3, endOnFailure: true },
    );
  });
});

const FATES = ['kept', 'released', 'overwritten'] as const;
const anyPlan = (rankCount: number, length: fc.ArrayConstraints): fc.Arbitrary<Planned[]> =>
  fc.array(
    fc.record({
      from: fc.nat(rankCount - 1),
      to: fc.nat(rankCount - 1),
      tag: fc.integer({ min: -2, max: 2 }),
      elements: fc.nat(256),
      fate: fc.constantFrom(...FATES),
    }),
    length,
  );
const anyExchange = fc
  .record({ rankCount: fc.integer({ min: 1, max: 4 }), isReversed: fc.boolean() })
  .chain(({ rankCount, isReversed }) =>
    fc.record({
      rankCount: fc.constant(rankCount),
      job: fc.record({
        kind: fc.constant('exchange' as const),
        isReversed: fc.constant(isReversed),
        plan: anyPlan(rankCount, { maxLength: 60 }),
      }),
    }),
  );
type Exchange = Extract<Job, { kind: 'exchange' }>;

/** What each rank must find: channel by channel, every message whole and in its order. */
const expectedFinds = ({ plan, isReversed }: Exchange, rankCount: number): (readonly [number, number])[][] =>
  positions(rankCount).map((self) => {
    const channels = new Map<string, (readonly [number, number])[]>();
    for (const [number, { from, to, tag, elements }] of plan.entries()) {
      if (to !== self) continue;
      const found = channels.get(`${from} ${tag}`) ?? [];
      channels.set(`${from} ${tag}`, found);
      for (const element of positions(elements)) found.push([number, contentAt(number, element)]);
    }
    const all = [...channels.values()];
    return (isReversed ? all.toReversed() : all).flat();
  });

describe('messages', () => {
  test('a message holds what its tensor held when it was sent, whatever becomes of that, and keeps its place', () => {
    fc.assert(
      fc.property(anyExchange, ({ job, rankCount }) => {
        const { results, arenas, worlds } = playHere(job, rankCount);
        expect(results).toEqual(expectedFinds(job, rankCount));
        for (const world of worlds) expect(world.tidy()).toBe(true);
        for (const arena of arenas) expect(arena.held).toBe(0);
      }),
    );
  });

  test('on threads too, through few slots or many', async () => {
    await fc.assert(
      fc.asyncProperty(anyExchange, fc.constantFrom(1, 2, 3, 64), async ({ job, rankCount }, slots) => {
        expect((await onThreads(job, rankCount, slots)).results).toEqual(expectedFinds(job, rankCount));
      }),
      { numRuns: 8, endOnFailure: true },
    );
  });

  test('letters past the room of a ring are neither lost nor a deadlock, though the last channel is read first', async () => {
    const plan = positions(600).map((number): Planned => {
      const fate = FATES[number % FATES.length]!;
      return { from: 0, to: 1, tag: Math.floor(number / 100), elements: number % 40, fate };
    });
    const job: Job = { kind: 'exchange', plan, isReversed: true };
    for (const slots of [1, 4, 64]) expect((await onThreads(job, 2, slots)).results).toEqual(expectedFinds(job, 2));
  });
});

test('a message is heard when it comes, although another strand of the rank sleeps for longer', async () => {
  const milliseconds = 1500;
  const { results } = await onThreads({ kind: 'nap', milliseconds, messageAfter: 100 }, 2);
  expect(results[0]).toBeLessThan(milliseconds);
});
