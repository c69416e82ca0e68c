/** What collectives leave behind on every rank, what they send for it, and the memory they take. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { messageProgram } from '../../src/collectives/collective.ts';
import type { Collective, Program, Send } from '../../src/effects/effect.ts';
import { OPERATIONS } from '../../src/effects/effect.ts';
import { fork, join } from '../../src/effects/program.ts';
import { AXES, member } from '../../src/effects/group.ts';
import { part, segmentLength, segmentOf, segmentStart, sizeOf } from '../../src/effects/tensor.ts';
import type { Rank } from '../../src/units/identity.ts';
import { rank } from '../../src/units/identity.ts';
import { bytesPerSecond, seconds } from '../../src/units/quantity.ts';
import type { Bring, CollectiveCase } from '../worlds/collective-case.ts';
import {
  algorithmsOf,
  anyCase,
  divisorsOf,
  messageCount,
  plainCase,
  positions,
  programsOf,
  shardOf,
} from '../worlds/collective-case.ts';
import { collectiveTime, messageProgram as programFor, scratchBytes, sentBytes } from '../worlds/collective-methods.ts';
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
  const elsewhere = tensorOf(
    positions(elements).map(() => Number.NaN),
    asked.dtype,
  );
  const shard = shardOf(asked, { position, whole, elsewhere });
  if (operation === 'all-gather') valuesOf(shard).set(valuesOf(segmentOf(full, ranks.size, position)));
  return { whole, shard };
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
/** Values that member `from` has for member `to` in an all-to-all: as many as segment `from + to`, round the group. */
const exchanged = ({ elements, ranks: { size } }: CollectiveCase, from: number, to: number): number[] => {
  const lengthFor = (other: number): number => segmentLength(elements, size, (from + other) % size);
  const start = positions(to).reduce((total, other) => total + lengthFor(other), 0);
  return positions(lengthFor(to)).map((index) => valueAt(from, start + index));
};
/** What each member must hold in the end, in its whole or in its shard. */
const expected = (asked: CollectiveCase): number[][] => {
  const { operation, elements, ranks } = asked;
  const members = positions(ranks.size);
  if (operation === 'all-to-all') return members.map((to) => members.flatMap((from) => exchanged(asked, from, to)));
  if (operation === 'shift')
    return members.map((to) =>
      positions(elements).map((element) => valueAt((to + ranks.size - 1) % ranks.size, element)),
    );
  const whole = combined(asked);
  return members.map((position) => {
    const start = segmentStart(elements, ranks.size, position);
    const own = whole.slice(start, start + segmentLength(elements, ranks.size, position));
    return operation === 'reduce-scatter' ? own : whole;
  });
};
const resultsOf = ({ operation }: CollectiveCase, brought: readonly Bring[]): number[][] =>
  brought.map(({ whole, shard }) => [
    ...valuesOf(operation === 'all-gather' || operation === 'all-reduce' ? whole : shard),
  ]);
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
    messages: members.map((position) => messageCount(asked, position)),
    peaks: members.map(() => scratchBytes(asked)),
  };
};

test('on up to 16 ranks every collective combines, sends and allocates what it says, whatever the algorithm', () => {
  for (const size of positions(17).slice(1))
    for (const operation of OPERATIONS)
      for (const algorithm of algorithmsOf(operation, size))
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
      const runs = OPERATIONS.map((operation): CollectiveCase => {
        const algorithms = algorithmsOf(operation, drawn.group.size);
        return { ...drawn, operation, algorithm: algorithms[drawn.elements % algorithms.length]! };
      }).map((asked) => {
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

test('an algorithm that an operation or a group does not have is refused by value', () => {
  const asked = plainCase('all-to-all', { kind: 'direct' }, { size: 6, elements: 12 });
  const { whole, shard } = bring(asked, 1);
  const effect = { kind: 'collective', ...asked, group: asked.ranks, whole, shard } as const;
  const program = (changed: Partial<Collective>): Program<void> => messageProgram({ ...effect, ...changed }, rank(1));
  expect(() => program({ algorithm: { kind: 'ring' } })).toThrow('there is no ring all-to-all');
  expect(() => program({ operation: 'shift', algorithm: { kind: 'tree', domain: 1, segments: 1 } })).toThrow(
    'there is no tree shift',
  );
  expect(() => program({ algorithm: { kind: 'hierarchical', domain: 2, segments: 3 } })).toThrow(
    'a hierarchical all-to-all in 3 pieces: want 1',
  );
  const halved = { operation: 'all-reduce', algorithm: { kind: 'halving-doubling' }, shard: whole } as const;
  expect(() => program(halved)).toThrow('halving-doubling on a group of 6: want a power of two');
  expect(() => collectiveTime({ ...asked, ...halved }, FREE_LINKS)).toThrow('halving-doubling on a group of 6');
  const tree = { operation: 'all-reduce', algorithm: { kind: 'tree', domain: 4, segments: 1 }, shard: whole } as const;
  expect(() => program(tree)).toThrow('4 ranks a node do not divide a group of 6');
  expect(() => program({ shard: part(shard, 0, 2) })).toThrow('has 2 elements, want 12');
  for (const operation of ['all-to-all', 'shift'] as const)
    expect(() => program({ operation, shard: whole })).toThrow(`${operation}: the shard of member 1 lies in its whole`);
});

const FREE_LINKS = {
  scaleUp: { latency: seconds(0), bandwidth: bytesPerSecond(1) },
  nic: { latency: seconds(0), bandwidth: bytesPerSecond(1) },
};

test('no two operations share a tag, nor one operation on two axes, so that groups may share pairs of ranks', () => {
  const tags = OPERATIONS.flatMap((operation) =>
    AXES.map((axis) => {
      const tags = algorithmsOf(operation, 2).flatMap((algorithm) => {
        const asked = plainCase(operation, algorithm, { size: 2, elements: 4 });
        const group = { ...asked.ranks, axis };
        const program = programFor(algorithm, { operation, group, ...bring(asked, 0) }, rank(0));
        return [...program].filter((each) => each.kind === 'send').map(({ tag }) => tag);
      });
      return new Set(tags);
    }),
  );
  for (const own of tags) expect(own.size).toBe(1);
  expect(new Set(tags.flatMap((own) => [...own])).size).toBe(OPERATIONS.length * AXES.length);
});

test('in an all-to-all of n ranks each sends all but an n-th of its tensor', () => {
  for (const size of positions(17).slice(1))
    for (const perSegment of [0, 1, 7]) {
      const asked = plainCase('all-to-all', { kind: 'direct' }, { size, elements: size * perSegment });
      for (const sent of outcomeOf(asked, () => 0).sent) expect(sent).toBe(4 * (size - 1) * perSegment);
    }
});

/** What the ranks of a collective send from node to node. */
const acrossNodes = (asked: CollectiveCase): { bytes: number; messages: number } => {
  const { domain } = asked.group;
  const nodeOf = (member: Rank): number => Math.floor(member / domain);
  const across = { bytes: 0, messages: 0 };
  const brought = broughtTo(asked);
  const { operation, algorithm, ranks: group } = asked;
  const watched = positions(asked.ranks.size).map((position): [Rank, Program<void>] => [
    rank(position),
    watch(programFor(algorithm, { operation, group, ...brought[position]! }, rank(position)), ({ to, tensor }) => {
      if (nodeOf(to) === nodeOf(rank(position))) return;
      across.bytes += sizeOf(tensor);
      across.messages++;
    }),
  ]);
  new ValueWorld(() => 0).run(new Map(watched));
  return across;
};
/** The program, with every message that it sends shown to `onSend`. */
function* watch(program: Program<void>, onSend: (sent: Send) => void): Program<void> {
  let next = program.next();
  while (next.done !== true) {
    if (next.value.kind === 'send') onSend(next.value);
    next = program.next(yield next.value);
  }
}

test('an all-to-all in two levels sends the bytes of a direct one from node to node, in as many fewer messages as a node has ranks', () => {
  for (const size of positions(17).slice(1))
    for (const domain of divisorsOf(size))
      for (const elements of [size, 3 * size + 1, 2 * size - 1]) {
        const plain = plainCase('all-to-all', { kind: 'direct' }, { size, elements });
        const group = { size, domain };
        const direct = acrossNodes({ ...plain, group });
        const levels = acrossNodes({ ...plain, group, algorithm: { kind: 'hierarchical', domain, segments: 1 } });
        expect(levels).toEqual({ bytes: direct.bytes, messages: direct.messages / domain });
      }
});
