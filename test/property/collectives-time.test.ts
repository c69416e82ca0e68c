/** What collectives cost: the closed forms beside their message programs on an idle fabric. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { chooseAlgorithm } from '../../src/collectives/choose-algorithm.ts';
import type { CollectiveShape } from '../../src/collectives/collective.ts';
import { collectiveShape, collectiveTime, scratchBytes, sentBytes } from '../../src/collectives/collective.ts';
import { groupShape } from '../../src/collectives/group-shape.ts';
import type { LinkRate, Links } from '../../src/collectives/link-rate.ts';
import { pointToPointTime } from '../../src/collectives/point-to-point.ts';
import { receive, send } from '../../src/effects/ask.ts';
import type { Algorithm, Program } from '../../src/effects/effect.ts';
import { OPERATIONS } from '../../src/effects/effect.ts';
import type { Tensor } from '../../src/effects/tensor.ts';
import { sizeOf } from '../../src/effects/tensor.ts';
import { blockId, rank } from '../../src/units/identity.ts';
import { bytesPerSecond, seconds, zeroBytes } from '../../src/units/quantity.ts';
import type { CollectiveCase } from '../worlds/collective-case.ts';
import { divisorsOf, messageCount, plainCase, positions, programsOf, shardOf } from '../worlds/collective-case.ts';
import { timePrograms } from '../worlds/timed.ts';

const NANOSECONDS = 1e9;
const link = (latency: number, bandwidth: number): LinkRate => ({
  latency: seconds(latency),
  bandwidth: bytesPerSecond(bandwidth),
});
/** NVLink and InfiniBand; a network of long latency; a network faster than the links in the node. */
const FABRICS: readonly Links[] = [
  { scaleUp: link(1e-6, 200e9), nic: link(5e-6, 40e9) },
  { scaleUp: link(2e-6, 100e9), nic: link(60e-6, 80e9) },
  { scaleUp: link(10e-6, 165e9), nic: link(1e-6, 500e9) },
];
const anyLink = fc
  .record({ latency: fc.nat(20_000), bandwidth: fc.integer({ min: 1, max: 500 }) })
  .map(({ latency, bandwidth }) => link(latency / NANOSECONDS, bandwidth * 1e9));
const anyLinks: fc.Arbitrary<Links> = fc.record({ scaleUp: anyLink, nic: anyLink });

const blank = (elements: number): Tensor => ({
  shape: [elements],
  dtype: 'fp32',
  block: { id: blockId(0), size: zeroBytes, purpose: 'workspace', values: null },
  offset: 0,
});
/** Nanoseconds until the last rank is done. */
const messageTime = (asked: CollectiveCase, links: Links): number =>
  timePrograms(
    { links, domain: asked.group.domain },
    programsOf(asked, (position) => {
      const whole = blank(asked.elements);
      return { whole, shard: shardOf(asked, { position, whole, elsewhere: whole }) };
    }),
  );
const closedTime = (asked: CollectiveShape, links: Links): number => collectiveTime(asked, links) * NANOSECONDS;
/** A message is rounded twice to a whole nanosecond, when it is pushed and when it arrives. */
const rounding = (asked: CollectiveShape): number => messageCount(asked) + 0.001;

/** The ring, and hierarchies with nodes of `domain` ranks. */
const algorithmsOn = (domain: number): Algorithm[] => [
  { kind: 'ring' },
  ...[1, 2, 4].map((segments): Algorithm => ({ kind: 'hierarchical', domain, segments })),
];
/** Every operation by every algorithm on every even fabric of up to `sizeMax` ranks. */
const casesOf = (sizeMax: number, elementsOf: (size: number) => number): CollectiveCase[] =>
  positions(sizeMax + 1)
    .slice(1)
    .flatMap((size) =>
      divisorsOf(size).flatMap((domain) =>
        algorithmsOn(domain).flatMap((algorithm) =>
          OPERATIONS.map((operation) => ({
            ...plainCase(operation, algorithm, { size, elements: elementsOf(size) }),
            group: { size, domain },
          })),
        ),
      ),
    );
const anyCaseOf = (sizeMax: number): fc.Arbitrary<CollectiveCase> =>
  fc.constantFrom(...casesOf(sizeMax, (size) => size));

test('the closed form of every collective is the time of its message program', () => {
  for (const links of FABRICS)
    for (const perSegment of [400, 400_000])
      for (const asked of casesOf(16, (size) => 4 * size * perSegment))
        expect(Math.abs(messageTime(asked, links) - closedTime(asked, links)), JSON.stringify(asked)).toBeLessThan(
          rounding(asked),
        );
});

test('it is so for links of any latency and bandwidth, the network slower or faster than the node', () => {
  fc.assert(
    fc.property(anyCaseOf(16), anyLinks, fc.nat(100_000), (drawn, links, perSegment) => {
      const asked = { ...drawn, elements: 4 * drawn.group.size * perSegment };
      expect(Math.abs(messageTime(asked, links) - closedTime(asked, links))).toBeLessThan(rounding(asked));
    }),
    { numRuns: 300 },
  );
});

test('where segments differ in length, the program takes no longer than the closed form and no less than for the shortest', () => {
  fc.assert(
    fc.property(anyCaseOf(12), anyLinks, fc.nat(1_000), (drawn, links, elements) => {
      const asked = { ...drawn, elements };
      const pieces = drawn.group.size * (drawn.algorithm.kind === 'ring' ? 1 : drawn.algorithm.segments);
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
      for (const operation of OPERATIONS) {
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

test('the chosen algorithm takes no longer than any other', () => {
  fc.assert(
    fc.property(anyCaseOf(64), anyLinks, fc.nat(10_000_000), (drawn, links, elements) => {
      const { size, domain } = drawn.group;
      const hierarchies = domain === 1 || domain === size ? [] : [1, 2, 4, 8];
      const rivals: Algorithm[] = hierarchies.map((segments) => ({ kind: 'hierarchical', domain, segments }));
      const timeBy = (algorithm: Algorithm): number => collectiveTime({ ...drawn, elements, algorithm }, links);
      const chosen = chooseAlgorithm({ ...drawn, elements }, links);
      expect(timeBy(chosen)).toBe(Math.min(timeBy({ kind: 'ring' }), ...rivals.map(timeBy)));
    }),
  );
});

test('a group within one domain, or of one rank a domain, goes round in a ring', () => {
  for (const links of FABRICS)
    for (const elements of [0, 1_000, 1e9])
      for (const domain of [1, 16])
        for (const operation of OPERATIONS) {
          const asked = { operation, group: { size: 16, domain }, elements, dtype: 'fp32' } as const;
          expect(chooseAlgorithm(asked, links)).toEqual({ kind: 'ring' });
        }
});

test('large messages go through the nodes in pieces, small ones in one', () => {
  const asked = { operation: 'all-reduce', group: { size: 64, domain: 8 }, dtype: 'bf16' } as const;
  const links = FABRICS[0]!;
  const small = { kind: 'hierarchical', domain: 8, segments: 1 };
  expect(chooseAlgorithm({ ...asked, elements: 1_000 }, links)).toEqual(small);
  // Here the node's links are the busy ones: four pieces suffice to hide the network, eight only add latencies.
  expect(chooseAlgorithm({ ...asked, elements: 1e9 }, links)).toEqual({ ...small, segments: 4 });
  const slow = { ...links, nic: link(5e-6, 10e9) };
  expect(chooseAlgorithm({ ...asked, elements: 1e9 }, slow)).toEqual({ ...small, segments: 8 });
});

test('a rank alone sends nothing, needs nothing and takes no time', () => {
  for (const operation of OPERATIONS)
    for (const algorithm of [{ kind: 'ring' }, { kind: 'hierarchical', domain: 1, segments: 2 }] as const) {
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

test('the shape of a collective is that of its group and its whole', () => {
  const asked = plainCase('all-gather', { kind: 'ring' }, { size: 8, elements: 24 });
  const whole = blank(24);
  const effect = { kind: 'collective', ...asked, group: asked.ranks, whole, shard: whole } as const;
  const { ranks: _, inPlace: __, ...shape } = asked;
  expect(collectiveShape(effect, 4)).toEqual({ ...shape, group: { size: 8, domain: 4 } });
});
