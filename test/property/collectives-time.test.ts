/** What collectives cost: the closed forms beside their message programs on an idle fabric. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { collectiveShape } from '../../src/collectives/collective.ts';
import { groupShape } from '../../src/collectives/group-shape.ts';
import type { LinkRate, Links } from '../../src/collectives/link-rate.ts';
import { pointToPointTime } from '../../src/collectives/point-to-point.ts';
import { receive, send } from '../../src/effects/ask.ts';
import type { Operation, Program } from '../../src/effects/effect.ts';
import { OPERATIONS } from '../../src/effects/effect.ts';
import type { Tensor } from '../../src/effects/tensor.ts';
import { sizeOf } from '../../src/effects/tensor.ts';
import { blockId, rank } from '../../src/units/identity.ts';
import { bytesPerSecond, zeroBytes } from '../../src/units/quantity.ts';
import type { CollectiveCase } from '../worlds/collective-case.ts';
import {
  algorithmsOn,
  anyCaseOf,
  casesOf,
  divisorsOf,
  messageCount,
  plainCase,
  positions,
  programsOf,
  RING_OPERATIONS,
  shardOf,
} from '../worlds/collective-case.ts';
import { collectiveTime, scratchBytes, sentBytes } from '../worlds/collective-methods.ts';
import { anyLink, anyLinks, FABRICS, NANOSECONDS } from '../worlds/fabrics.ts';
import { timePrograms } from '../worlds/timed.ts';

const blank = (elements: number): Tensor => ({
  shape: [elements],
  dtype: 'fp32',
  block: { id: blockId(0), size: zeroBytes, purpose: 'workspace', at: null },
  offset: 0,
});
/** Nanoseconds until the last rank is done. */
const messageTime = (asked: CollectiveCase, links: Links): number =>
  timePrograms(
    { links, domain: asked.group.domain },
    programsOf(asked, (position) => {
      const whole = blank(asked.elements);
      return { whole, shard: shardOf(asked, { position, whole, elsewhere: blank(asked.elements) }) };
    }),
  );
/** A collective without the ranks that it runs on. */
type Shape = Omit<CollectiveCase, 'ranks' | 'inPlace'>;
const closedTime = (asked: Shape, links: Links): number => collectiveTime(asked, links) * NANOSECONDS;
/**
 * Nanoseconds that rounding may add up to: a message is rounded twice to a whole one, when it is pushed and when it
 * arrives. The messages that wait for one another are no more than a rank sends, and those up and down a tree.
 */
const rounding = (asked: Shape): number => {
  const { size } = asked.group;
  const climbed = asked.algorithm.kind === 'tree' ? 2 * Math.ceil(Math.log2(size)) : 0;
  return Math.max(...positions(size).map((position) => messageCount(asked, position))) + climbed + 0.001;
};

test('the closed form of every collective is the time of its message program', () => {
  for (const links of FABRICS)
    for (const perSegment of [400, 400_000])
      for (const asked of casesOf(16, (size) => 8 * size * perSegment))
        expect(Math.abs(messageTime(asked, links) - closedTime(asked, links)), JSON.stringify(asked)).toBeLessThan(
          rounding(asked),
        );
});

test('it is so for links of any latency and bandwidth, the network slower or faster than the node', () => {
  fc.assert(
    fc.property(anyCaseOf(16), anyLinks, fc.nat(100_000), (drawn, links, perSegment) => {
      const asked = { ...drawn, elements: 8 * drawn.group.size * perSegment };
      expect(Math.abs(messageTime(asked, links) - closedTime(asked, links))).toBeLessThan(rounding(asked));
    }),
    { numRuns: 300 },
  );
});

/** Pieces that the whole is cut into. */
const pieceCount = ({ operation, algorithm, group }: CollectiveCase): number => {
  if (operation === 'shift' || algorithm.kind === 'example') return 1;
  if (algorithm.kind === 'hierarchical') return group.size * algorithm.segments;
  return algorithm.kind === 'tree' ? algorithm.domain * 2 * algorithm.segments : group.size;
};

test('it is so for trees of any size', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 140 }), fc.integer({ min: 1, max: 9 }), anyLink, (size, segments, rate) => {
      for (const perPiece of [100, 100_000]) {
        const tree = { kind: 'tree', domain: 1, segments } as const;
        const asked = plainCase('all-reduce', tree, { size, elements: 2 * segments * perPiece });
        const links = { scaleUp: rate, nic: rate };
        expect(Math.abs(messageTime(asked, links) - closedTime(asked, links))).toBeLessThan(rounding(asked));
      }
    }),
    { numRuns: 40 },
  );
});

test('where segments differ in length, the program takes no longer than the closed form and no less than for the shortest', () => {
  fc.assert(
    fc.property(anyCaseOf(12), anyLinks, fc.nat(1_000), (drawn, links, elements) => {
      const asked = { ...drawn, elements };
      const pieces = pieceCount(drawn);
      const time = messageTime(asked, links);
      expect(time).toBeLessThan(closedTime(asked, links) + rounding(asked));
      const shortest = { ...asked, elements: elements - (elements % pieces) };
      expect(time).toBeGreaterThan(closedTime(shortest, links) - rounding(asked));
    }),
    { numRuns: 300 },
  );
});

test('a ring on links of one kind takes exactly as long as its longest segment needs, step by step', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 16 }), anyLink, fc.nat(2_000), (size, rate, elements) => {
      for (const operation of RING_OPERATIONS) {
        const asked = plainCase(operation, { kind: 'ring' }, { size, elements });
        const steps = (operation === 'all-reduce' ? 2 : 1) * (size - 1);
        const closed = steps * (rate.latency + (4 * Math.ceil(elements / size)) / rate.bandwidth) * NANOSECONDS;
        expect(closedTime(asked, { scaleUp: rate, nic: rate })).toBeCloseTo(closed, 3);
        expect(Math.abs(messageTime(asked, { scaleUp: rate, nic: rate }) - closed)).toBeLessThan(rounding(asked));
      }
    }),
  );
});

test('a ring across nodes keeps the network busy from start to end, or goes round at the pace of its latencies', () => {
  const group = { size: 64, domain: 8 };
  const asked = { operation: 'all-reduce', algorithm: { kind: 'ring' }, group, dtype: 'fp32' } as const;
  const links = FABRICS[0]!;
  const { scaleUp, nic } = links;
  const segment = 4 * 1e8;
  expect(closedTime({ ...asked, elements: 64e8 }, links)).toBeCloseTo(
    (nic.latency + (126 * segment) / nic.bandwidth) * NANOSECONDS,
    0,
  );
  const [crossings, steps] = [16, 126];
  expect(closedTime({ ...asked, elements: 0 }, links)).toBeCloseTo(
    (crossings * nic.latency + (steps - crossings) * scaleUp.latency) * NANOSECONDS,
    3,
  );
});

test('halving and doubling on links of one kind take a latency for each power of two', () => {
  fc.assert(
    fc.property(fc.nat(4), anyLink, fc.nat(2_000), (power, rate, elements) => {
      const size = 2 ** power;
      for (const operation of RING_OPERATIONS) {
        const asked = plainCase(operation, { kind: 'halving-doubling' }, { size, elements });
        const push = (4 * Math.ceil(elements / size)) / rate.bandwidth;
        const once = (power * rate.latency + (size - 1) * push) * NANOSECONDS;
        const closed = operation === 'all-reduce' ? 2 * once : once;
        expect(closedTime(asked, { scaleUp: rate, nic: rate })).toBeCloseTo(closed, 3);
      }
    }),
  );
});

test('an all-reduce by halving and doubling sends over the network what is left of a node, a reduce-scatter half of all', () => {
  const { scaleUp, nic } = FABRICS[0]!;
  const links = { scaleUp: { ...scaleUp, bandwidth: bytesPerSecond(1e30) }, nic };
  const shape = { algorithm: { kind: 'halving-doubling' }, group: { size: 32, domain: 8 }, dtype: 'fp32' } as const;
  const networkBytes = (operation: Operation): number => {
    const timeOf = (elements: number): number => collectiveTime({ ...shape, operation, elements }, links);
    return Math.round((timeOf(32_000_000) - timeOf(0)) * nic.bandwidth);
  };
  const whole = 4 * 32_000_000;
  expect(networkBytes('all-reduce')).toBe(2 * (whole / 8) * (3 / 4));
  expect(networkBytes('reduce-scatter')).toBe(whole * (3 / 4));
  expect(networkBytes('all-gather')).toBe(whole * (3 / 4));
});

test('two trees climb and descend in twice their height, and with ever more pieces push the message twice', () => {
  fc.assert(
    fc.property(fc.integer({ min: 3, max: 100_000 }), anyLink, (size, rate) => {
      const timeOf = (elements: number, segments: number): number =>
        collectiveTime(plainCase('all-reduce', { kind: 'tree', domain: 1, segments }, { size, elements }), {
          scaleUp: rate,
          nic: rate,
        });
      expect(timeOf(0, 8)).toBeCloseTo(2 * Math.floor(Math.log2(size)) * rate.latency, 9);
      const [pieces, piece] = [1e6, 4 / rate.bandwidth];
      const pushed = timeOf(2 * pieces, pieces) - timeOf(0, pieces);
      const climb = 4 * Math.log2(size) * piece + rate.latency;
      expect(Math.abs(pushed - 2 * 2 * pieces * piece)).toBeLessThan(climb);
    }),
  );
});

test('a direct all-to-all takes its busier lane, and in two levels it is never faster', () => {
  fc.assert(
    fc.property(anyCaseOf(48), anyLinks, fc.nat(100_000), ({ group }, links, perSegment) => {
      const { size, domain } = group;
      const asked = { operation: 'all-to-all', group, elements: size * perSegment, dtype: 'fp32' } as const;
      const direct = closedTime({ ...asked, algorithm: { kind: 'direct' } }, links);
      const lane = (messages: number, { latency, bandwidth }: LinkRate): number =>
        messages === 0 ? 0 : latency + (messages * 4 * perSegment) / bandwidth;
      const busier = Math.max(lane(domain - 1, links.scaleUp), lane(size - domain, links.nic));
      expect(direct).toBeCloseTo(busier * NANOSECONDS, 2);
      const levels = closedTime({ ...asked, algorithm: { kind: 'hierarchical', domain, segments: 1 } }, links);
      expect(levels).toBeGreaterThan(direct - 0.001);
    }),
  );
});

test('a shift takes as long as its slowest edge', () => {
  fc.assert(
    fc.property(anyCaseOf(48), anyLinks, fc.nat(100_000), ({ group }, links, elements) => {
      const { size, domain } = group;
      const edges = positions(size).map((from) => {
        const to = (from + 1) % size;
        if (from === to) return 0;
        const isWithin = Math.floor(from / domain) === Math.floor(to / domain);
        const { latency, bandwidth } = isWithin ? links.scaleUp : links.nic;
        return latency + (4 * elements) / bandwidth;
      });
      const asked = { operation: 'shift', algorithm: { kind: 'direct' }, group, elements, dtype: 'fp32' } as const;
      expect(collectiveTime(asked, links)).toBeCloseTo(Math.max(...edges), 12);
    }),
  );
});

test('a rank alone sends nothing, needs nothing and takes no time', () => {
  for (const operation of OPERATIONS)
    for (const algorithm of algorithmsOn(operation, { size: 1, domain: 1 }, [2])) {
      const alone = plainCase(operation, algorithm, { size: 1, elements: 100 });
      expect([sentBytes(alone, 0), scratchBytes(alone), collectiveTime(alone, FABRICS[0]!)]).toEqual([0, 0, 0]);
    }
});

test('a message takes the latency and the time to push it', () => {
  fc.assert(
    fc.property(anyLinks, fc.nat(1_000_000), fc.boolean(), (links, elements, isWithin) => {
      const tensor = blank(elements);
      const programs = new Map<ReturnType<typeof rank>, Program<void>>([
        [rank(0), send(rank(1), { axis: 'pp', tag: 7, tensor })],
        [rank(1), receive(rank(0), { axis: 'pp', tag: 7, into: tensor })],
      ]);
      const time = timePrograms({ links, domain: isWithin ? 2 : 1 }, programs);
      const rate = isWithin ? links.scaleUp : links.nic;
      expect(Math.abs(time - pointToPointTime(sizeOf(tensor), rate) * NANOSECONDS)).toBeLessThan(1.001);
    }),
  );
});

test('members that the shape of a group puts in one domain are in one, and no coarser shape would do', () => {
  fc.assert(
    fc.property(
      fc.record({ first: fc.nat(40), stride: fc.integer({ min: 1, max: 9 }), size: fc.integer({ min: 1, max: 24 }) }),
      fc.integer({ min: 1, max: 12 }),
      ({ first, stride, size }, scaleUpDomain) => {
        const group = { axis: 'dp', first: rank(first), stride, size } as const;
        const { domain } = groupShape(group, scaleUpDomain);
        const domainAt = (position: number): number => Math.floor((first + position * stride) / scaleUpDomain);
        const isShared = (width: number): boolean =>
          positions(size).every((position) => domainAt(position) === domainAt(position - (position % width)));
        expect(divisorsOf(size).filter(isShared).at(-1)).toBe(domain);
      },
    ),
  );
});

test('a hierarchy that is not that of the fabric has no closed form, and is refused by value', () => {
  const asked = plainCase('all-reduce', { kind: 'hierarchical', domain: 4, segments: 1 }, { size: 16, elements: 64 });
  expect(() => collectiveTime({ ...asked, group: { size: 16, domain: 8 } }, FABRICS[0]!)).toThrow(
    'a hierarchy of 4 ranks a node on a group of 8 a domain',
  );
});

test('trees on a fabric that is not theirs have no closed form, and are refused by value', () => {
  const asked = plainCase('all-reduce', { kind: 'tree', domain: 4, segments: 1 }, { size: 16, elements: 64 });
  expect(() => collectiveTime({ ...asked, group: { size: 16, domain: 8 } }, FABRICS[0]!)).toThrow(
    'trees over nodes of 4 ranks on a group of 16 with 8 a domain',
  );
});

test('the shape of a collective is that of its group and its whole', () => {
  const asked = plainCase('all-gather', { kind: 'ring' }, { size: 8, elements: 24 });
  const whole = blank(24);
  const effect = { kind: 'collective', ...asked, group: asked.ranks, whole, shard: whole } as const;
  const { ranks: _, inPlace: __, ...shape } = asked;
  expect(collectiveShape(effect, 4)).toEqual({ ...shape, group: { size: 8, domain: 4 } });
});
