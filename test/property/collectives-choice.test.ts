/** Which algorithm is chosen for a collective. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { chooseAlgorithm } from '../../src/collectives/choose-algorithm.ts';
import { collectiveTime } from '../../src/collectives/collective.ts';
import type { Algorithm, Operation } from '../../src/effects/effect.ts';
import { algorithmsOn, anyCaseOf, RING_OPERATIONS } from '../worlds/collective-case.ts';
import { anyLink, anyLinks, FABRICS, link } from '../worlds/fabrics.ts';

test('the chosen algorithm takes no longer than any other', () => {
  fc.assert(
    fc.property(anyCaseOf(64), anyLinks, fc.nat(10_000_000), (drawn, links, elements) => {
      const timeOf = (algorithm: Algorithm): number => collectiveTime({ ...drawn, elements, algorithm }, links);
      const chosen = timeOf(chooseAlgorithm({ ...drawn, elements }, links));
      const times = algorithmsOn(drawn.operation, drawn.group, [1, 2, 4, 8])
        // Trees would take ever more and smaller pieces: see the next law.
        .filter(({ kind }) => kind !== 'tree')
        .map(timeOf);
      expect(chosen).toBeLessThanOrEqual(Math.min(...times) * (1 + 1e-12));
    }),
  );
});

test('a tree is chosen where it is the fastest, with pieces of 32 KiB and at most 64 of them', () => {
  fc.assert(
    fc.property(fc.integer({ min: 3, max: 2_000 }), fc.nat(3_000_000), anyLink, (size, elements, rate) => {
      const asked = { operation: 'all-reduce', group: { size, domain: size }, elements, dtype: 'bf16' } as const;
      const links = { scaleUp: rate, nic: rate };
      const segments = Math.min(64, Math.max(1, Math.floor(elements / 2 ** 15)));
      const tree = { kind: 'tree', domain: 1, segments } as const;
      const chosen = chooseAlgorithm(asked, links);
      const timeOf = (algorithm: Algorithm): number => collectiveTime({ ...asked, algorithm }, links);
      if (chosen.kind === 'tree') expect(chosen).toEqual(tree);
      expect(timeOf(chosen)).toBeLessThanOrEqual(timeOf(tree));
    }),
  );
});

test('two ranks, all-to-alls and shifts take the plainest algorithm; only powers of two are halved', () => {
  fc.assert(
    fc.property(anyCaseOf(64), anyLinks, fc.nat(10_000_000), ({ operation, group, dtype }, links, elements) => {
      const { kind } = chooseAlgorithm({ operation, group, dtype, elements }, links);
      if (operation === 'all-to-all' || operation === 'shift') expect(kind).toBe('direct');
      else if (group.size <= 2) expect(kind).toBe('ring');
      if (kind === 'halving-doubling') expect(Number.isInteger(Math.log2(group.size))).toBe(true);
    }),
  );
});

test('in one domain small all-reduces climb trees or halve and double, large ones on other numbers go round in a ring', () => {
  const links = FABRICS[0]!;
  const chosen = (operation: Operation, size: number, elements: number): Algorithm =>
    chooseAlgorithm({ operation, group: { size, domain: size }, elements, dtype: 'bf16' }, links);
  expect(chosen('all-reduce', 12, 1_000)).toEqual({ kind: 'tree', domain: 1, segments: 1 });
  expect(chosen('all-reduce', 12, 1e9)).toEqual({ kind: 'ring' });
  expect(chosen('all-gather', 12, 1_000)).toEqual({ kind: 'ring' });
  expect(chosen('reduce-scatter', 12, 1e9)).toEqual({ kind: 'ring' });
  for (const operation of RING_OPERATIONS) expect(chosen(operation, 16, 1_000)).toEqual({ kind: 'halving-doubling' });
});

test('large messages go through the nodes in pieces, small ones in one or over trees', () => {
  const group = { size: 96, domain: 8 };
  const links = FABRICS[0]!;
  const slow = { ...links, nic: link(5e-6, 10e9) };
  const chosen = (operation: Operation, elements: number, fabric = links): Algorithm =>
    chooseAlgorithm({ operation, group, elements, dtype: 'bf16' }, fabric);
  const pieces = (segments: number): Algorithm => ({ kind: 'hierarchical', domain: 8, segments });
  expect(chosen('all-gather', 1_000)).toEqual(pieces(1));
  expect(chosen('all-reduce', 1_000)).toEqual({ kind: 'tree', domain: 8, segments: 1 });
  // Here the node's links are the busy ones: four pieces suffice to hide the network, eight only add latencies.
  expect(chosen('all-reduce', 1e9)).toEqual(pieces(4));
  expect(chosen('all-reduce', 1e9, slow)).toEqual(pieces(8));
});
