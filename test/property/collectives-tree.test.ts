/** The two trees of an all-reduce: who is whose child, and that nobody works in both. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isPerfect, lastPlaceDepth, relativesIn, treeHeight } from '../../src/collectives/double-tree.ts';
import { positions } from '../worlds/collective-case.ts';

const TREES = [0, 1] as const;
const anySize = fc.integer({ min: 1, max: 600 });

/** Steps from each member to the root, found by following the parents. */
const depthsOf = (tree: 0 | 1, size: number): number[] =>
  positions(size).map((start) => {
    let depth = 0;
    for (let at = relativesIn(tree, size, start).parent; at !== null; at = relativesIn(tree, size, at).parent)
      if (++depth > size) throw new Error(`member ${start} of ${size} is its own ancestor`);
    return depth;
  });

test('every member but one has a parent, which counts it among its at most two children', () => {
  fc.assert(
    fc.property(anySize, fc.constantFrom(...TREES), (size, tree) => {
      const members = positions(size).map((position) => relativesIn(tree, size, position));
      expect(members.filter(({ parent }) => parent === null)).toHaveLength(1);
      const named = members.flatMap(({ children }, position) => children.map((child) => ({ child, position })));
      expect(named).toHaveLength(size - 1);
      for (const { child, position } of named) expect(members[child]!.parent).toBe(position);
      for (const { children } of members) expect(children.length).toBeLessThanOrEqual(2);
    }),
  );
});

test('a member with children in one tree has none in the other, so each pushes at most twice what it holds', () => {
  fc.assert(
    fc.property(anySize, (size) => {
      for (const position of positions(size)) {
        const [first, second] = TREES.map((tree) => relativesIn(tree, size, position).children.length);
        expect(Math.min(first!, second!)).toBe(0);
      }
    }),
  );
});

test('no tree is higher than the logarithm of its size, and what the cost formula knows of its shape is so', () => {
  fc.assert(
    fc.property(anySize, fc.constantFrom(...TREES), (size, tree) => {
      const depths = depthsOf(tree, size);
      expect(Math.max(...depths)).toBe(Math.floor(Math.log2(size)));
      expect(treeHeight(size)).toBe(Math.max(...depths));
      expect(lastPlaceDepth(size)).toBe(depths[(size - 1 + tree) % size]);
      const childCounts = positions(size).map((position) => relativesIn(tree, size, position).children.length);
      expect(isPerfect(size)).toBe(!childCounts.includes(1) && Number.isInteger(Math.log2(size + 1)));
    }),
  );
});

test('the left child has the subtree that is at least as high', () => {
  fc.assert(
    fc.property(anySize, fc.constantFrom(...TREES), (size, tree) => {
      const heightOf = (position: number): number =>
        Math.max(0, ...relativesIn(tree, size, position).children.map((child) => 1 + heightOf(child)));
      for (const position of positions(size)) {
        const [left, right] = relativesIn(tree, size, position).children.map(heightOf);
        if (right !== undefined) expect(left).toBeGreaterThanOrEqual(right);
      }
    }),
  );
});
