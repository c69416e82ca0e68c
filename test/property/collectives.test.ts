/** What collectives leave behind on every rank, what they send for it, and the memory they take. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { messageProgram, scratchBytes, sentBytes } from '../../src/collectives/collective.ts';
import type { Program } from '../../src/effects/effect.ts';
import { OPERATIONS } from '../../src/effects/effect.ts';
import { fork, join } from '../../src/effects/program.ts';
import { member } from '../../src/effects/group.ts';
import { part, segmentLength, segmentOf, segmentStart } from '../../src/effects/tensor.ts';
import type { Rank } from '../../src/units/identity.ts';
import { rank } from '../../src/units/identity.ts';
import type { Bring, CollectiveCase } from '../worlds/collective-case.ts';
import {
  algorithmsOf,
  anyCase,
  messageCount,
  plainCase,
  positions,
  programsOf,
  shardOf,
} from '../worlds/collective-case.ts';
import { tensorOf, ValueWorld, valuesOf } from '../worlds/values.ts';

/** Which of the strands that are ready goes next, as shares of their number. */
const anyOrder = fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }));

/** Small, whole and different everywhere, so that sums are exact and a misplaced element shows. */
const valueAt = (position: number, element: number): number => 1 + ((position * 31 + element * 7) % 101);
const sumAt = (size: number, element: number): number =>
  positions(size).reduce((total, position) => total + valueAt(position, element), 0);
/** What the member at `position` brings: values where the operation reads, NaN where it must write. */
const bring = (asked: CollectiveCase, position: number): Bring => {
  const { operation, elements, ranks } = asked;
  const full = tensorOf(
    positions(elements).map((element) => valueAt(position, element)),
    asked.dtype,
  );
  const empty = tensorOf(
    positions(elements).map(() => Number.NaN),
    asked.dtype,
  );
  const whole = operation === 'all-gather' ? empty : full;
  const shard = shardOf(asked, { position, whole, elsewhere: tensorOf(positions(elements).map(() => Number.NaN)) });
  if (operation === 'all-gather') valuesOf(shard).set(valuesOf(segmentOf(full, ranks.size, position)));
  return { whole, shard: { ...shard, dtype: asked.dtype } };
};

/** Every element of the whole in the end: the sum, or after an all-gather the value of the segment's owner. */
const combined = ({ operation, elements, ranks }: CollectiveCase): number[] => {
  const { size } = ranks;
  if (operation !== 'all-gather') return positions(elements).map((element) => sumAt(size, element));
  return positions(size).flatMap((owner) =>
    positions(segmentLength(elements, size, owner)).map((index) =>
      valueAt(owner, segmentStart(elements, size, owner) + index),
    ),
  );
};
/** What each member must hold in the end, in its shard after a reduce-scatter and in its whole after the others. */
const expected = (asked: CollectiveCase): number[][] => {
  const { operation, elements, ranks } = asked;
  const whole = combined(asked);
  return positions(ranks.size).map((position) => {
    const start = segmentStart(elements, ranks.size, position);
    const own = whole.slice(start, start + segmentLength(elements, ranks.size, position));
    return operation === 'reduce-scatter' ? own : whole;
  });
};
const resultsOf = ({ operation }: CollectiveCase, brought: readonly Bring[]): number[][] =>
  brought.map(({ whole, shard }) => [...valuesOf(operation === 'reduce-scatter' ? shard : whole)]);
const broughtTo = (asked: CollectiveCase): Bring[] =>
  positions(asked.ranks.size).map((position) => bring(asked, position));

/** What came of the collective on every member, in the order of the group. */
interface Outcome {
  readonly results: number[][];
  readonly sent: number[];
  readonly messages: number[];
  readonly peaks: number[];
}

const outcomeOf = (asked: CollectiveCase, draw: () => number): Outcome => {
  const brought = broughtTo(asked);
  const world = new ValueWorld(draw);
  world.run(programsOf(asked, (position) => brought[position]!));
  const conducts = brought.map((_, position) => world.conductOf(member(asked.ranks, position)));
  return {
    results: resultsOf(asked, brought),
    sent: conducts.map(({ sent }) => sent),
    messages: conducts.map(({ messages }) => messages),
    peaks: conducts.map(({ peak }) => peak),
  };
};
const promised = (asked: CollectiveCase): Outcome => {
  const members = positions(asked.ranks.size);
  return {
    results: expected(asked),
    sent: members.map((position) => sentBytes(asked, position)),
    messages: members.map(() => messageCount(asked)),
    peaks: members.map(() => scratchBytes(asked)),
  };
};

test('on up to 16 ranks every collective combines, sends and allocates what it says, whatever the algorithm', () => {
  for (const size of positions(17).slice(1))
    for (const operation of OPERATIONS)
      for (const algorithm of algorithmsOf(size))
        for (const elements of [1, size - 1, 2 * size + 1, 6 * size]) {
          const asked = plainCase(operation, algorithm, { size, elements });
          expect(outcomeOf(asked, () => 0)).toEqual(promised(asked));
        }
});

test('it does so on any group, for any number of elements, in any order of events, in place or not', () => {
  fc.assert(
    fc.property(anyCase, anyOrder, (asked, order) => {
      expect(outcomeOf(asked, () => order.next().value ?? 0)).toEqual(promised(asked));
    }),
    { numRuns: 200 },
  );
});

test('bytes sent are bytes received', () => {
  fc.assert(
    fc.property(anyCase, (asked) => {
      const brought = broughtTo(asked);
      const world = new ValueWorld(() => 0);
      world.run(programsOf(asked, (position) => brought[position]!));
      const conducts = brought.map((_, position) => world.conductOf(member(asked.ranks, position)));
      const total = (of: 'sent' | 'received'): number => conducts.reduce((sum, conduct) => sum + conduct[of], 0);
      expect(total('received')).toBe(total('sent'));
      expect(total('sent')).toBe(brought.reduce((sum, _, position) => sum + sentBytes(asked, position), 0));
    }),
  );
});

/** Runs several collectives on one rank, each in a strand of its own. */
function* sideBySide(collectives: readonly Program<void>[]): Program<void> {
  const tasks = [];
  for (const each of collectives) tasks.push(yield* fork(each));
  for (const task of tasks) yield* join(task);
}

test('collectives of different operations run side by side on one group without mixing their messages', () => {
  fc.assert(
    fc.property(anyCase, anyOrder, (drawn, order) => {
      const runs = OPERATIONS.map((operation) => ({ ...drawn, operation })).map((asked) => {
        const brought = broughtTo(asked);
        return { asked, brought, programs: programsOf(asked, (position) => brought[position]!) };
      });
      const ranks = positions(drawn.ranks.size).map((position) => member(drawn.ranks, position));
      const programs = ranks.map((self): [Rank, Program<void>] => [
        self,
        sideBySide(runs.map((run) => run.programs.get(self)!)),
      ]);
      new ValueWorld(() => order.next().value ?? 0).run(new Map(programs));
      for (const { asked, brought } of runs) expect(resultsOf(asked, brought)).toEqual(expected(asked));
    }),
  );
});

test('a rank outside the group, nodes that do not fit it and a shard of the wrong size are refused by value', () => {
  const asked = plainCase('reduce-scatter', { kind: 'ring' }, { size: 4, elements: 8 });
  const { whole, shard } = bring(asked, 1);
  const effect = { kind: 'collective', ...asked, group: asked.ranks, whole, shard } as const;
  expect(() => messageProgram(effect, rank(4))).toThrow('rank 4 is not in the dp group of 4 from 0 by 1');
  expect(() => messageProgram({ ...effect, group: { ...asked.ranks, stride: 2 } }, rank(1))).toThrow(
    'rank 1 is not in',
  );
  expect(() => messageProgram({ ...effect, shard: part(shard, 0, 1) }, rank(1))).toThrow('has 1 elements, want 2');
  const uneven = { kind: 'hierarchical', domain: 3, segments: 1 } as const;
  expect(() => messageProgram({ ...effect, algorithm: uneven }, rank(1))).toThrow('3 ranks a node do not divide');
});
