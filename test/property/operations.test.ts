/** Laws of what operations cost: products, bytes that pass once, and time that falls short of no roof. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Matmul } from '../../src/kernels/op/matmul.ts';
import type { Op } from '../../src/kernels/op.ts';
import { classOf, costOf } from '../../src/kernels/op.ts';
import type { GroupedMatmul } from '../../src/kernels/op/grouped-matmul.ts';
import { segmentLength } from '../../src/effects/tensor.ts';
import { opTime } from '../../src/sim/op-time.ts';
import { machine } from '../worlds/small-world.ts';

const size = fc.integer({ min: 1, max: 4096 });
const anyGrouped: fc.Arbitrary<GroupedMatmul> = fc
  .record({
    groups: fc.integer({ min: 1, max: 32 }),
    rows: size,
    n: size,
    k: size,
    transpose: fc.constantFrom('nn' as const, 'nt' as const, 'tn' as const),
  })
  .map((shape) => {
    const accumulates = shape.transpose === 'tn';
    const sizes = Array.from({ length: shape.groups }, (_, group) => segmentLength(shape.rows, shape.groups, group));
    return {
      kind: 'grouped-matmul',
      ...shape,
      sizes,
      dtype: 'bf16',
      output: accumulates ? 'fp32' : 'bf16',
      accumulates,
    };
  });

test('grouped products multiply what one product of all rows would, and read a matrix a group', () => {
  fc.assert(
    fc.property(anyGrouped, (op) => {
      const { rows, n, k, groups } = op;
      const { flops, traffic } = costOf(op);
      expect(flops).toBe(2 * rows * n * k);
      const operands =
        op.transpose === 'tn' ? 2 * rows * (k + n) + 8 * groups * k * n : 2 * (rows * k + groups * k * n + rows * n);
      expect(traffic).toBe(operands);
    }),
  );
});

test('one group is a plain product, and grouped products are never faster than one product of the same rows', () => {
  fc.assert(
    fc.property(anyGrouped, (op) => {
      const { rows, n, k, groups, transpose, dtype, output, accumulates } = op;
      const shape = transpose === 'tn' ? { m: k, n, k: rows } : { m: rows, n, k };
      const plain: Op = {
        kind: 'matmul',
        ...shape,
        batch: 1,
        transpose,
        dtype,
        output,
        accumulates,
        bias: false,
        isAttention: false,
      };
      expect(opTime({ ...op, groups: 1 }, machine)).toBe(opTime(plain, machine));
      const peak = machine.matrixRate.bf16!;
      expect(opTime(op, machine)).toBeGreaterThanOrEqual((2 * rows * n * k) / peak);
      // Whole tiles a group: splitting rows into groups of whole tiles costs at least the waves of all of them.
      if (transpose !== 'tn' && rows % (256 * groups) === 0)
        expect(opTime(op, machine)).toBeGreaterThanOrEqual(opTime({ ...op, groups: 1 }, machine));
    }),
    { numRuns: 300 },
  );
});

test('flash attention multiplies its pairs with keys and values of their own widths', () => {
  const at = { batch: 2, starts: [0], length: 8 };
  const shape = {
    kind: 'flash-attention',
    batch: 2,
    queries: 8,
    keys: 4,
    pairs: 11,
    heads: 6,
    kvHeads: 3,
    keyDim: 24,
    valueDim: 16,
    dtype: 'bf16',
    query: { tensor: 0, start: 0, stride: 144 },
    key: { tensor: 1, start: 0, stride: 120 },
    value: { tensor: 1, start: 72, stride: 120 },
    queriesAt: at,
    keysAt: { ...at, length: 4 },
    window: null,
    sinks: false,
  } as const;
  const forward = costOf({ ...shape, pass: 'forward' });
  const backward = costOf({ ...shape, pass: 'backward' });
  expect(forward.flops).toBe(2 * 2 * 6 * 11 * (24 + 16));
  expect(backward.flops).toBe(2 * 2 * 6 * 11 * (3 * 24 + 2 * 16));
  const tensors = 2 * (2 * 8 * 6 * (24 + 16) + 2 * 4 * 3 * (24 + 16));
  expect(forward.traffic).toBe(tensors + 4 * 2 * 8 * 6);
  expect(backward.traffic).toBe(2 * tensors + 4 * 2 * 8 * 6);
});

test('rows are read and written once on their way to the experts and back', () => {
  const rows = { kind: 'permute', tokens: 10, choices: 3, rows: 30, width: 4, dtype: 'bf16' } as const;
  expect(costOf({ ...rows, direction: 'spread' })).toEqual({ flops: 0, traffic: 2 * 4 * 40 });
  expect(costOf({ ...rows, direction: 'gather' })).toEqual({ flops: 120, traffic: 2 * 4 * 40 });
  expect(costOf({ kind: 'copy', read: 3, written: 5, runs: [], dtype: 'fp32' })).toEqual({ flops: 0, traffic: 32 });
  const top = { kind: 'top-k', tokens: 10, experts: 8, active: 2 } as const;
  const plain = { flops: 400, traffic: 4 * (80 + 40) };
  expect(costOf({ ...top, pass: 'forward', balance: null })).toEqual(plain);
  expect(costOf({ ...top, pass: 'backward', balance: null })).toEqual(plain);
  // For a loss that balances the experts the scores are read once more.
  const balance = { weight: 1, blockRows: 5, sequences: [[0], [1]] };
  expect(costOf({ ...top, pass: 'backward', balance })).toEqual({ flops: 800, traffic: 4 * (160 + 40) });
  const counted = { tokens: 10, experts: 8, active: 2 };
  expect(costOf({ kind: 'choice-counts', ...counted, blockRows: 5 })).toEqual({ flops: 20, traffic: 4 * (20 + 16) });
  expect(costOf({ kind: 'expert-places', ...counted, capacity: null })).toEqual({ flops: 20, traffic: 4 * (40 + 8) });
});

test('products of attention count as attention, whatever their batch; all others as products of matrices', () => {
  const product: Matmul = {
    kind: 'matmul',
    m: 8,
    n: 8,
    k: 8,
    batch: 1,
    transpose: 'nn',
    dtype: 'bf16',
    output: 'bf16',
    accumulates: false,
    bias: false,
    isAttention: false,
  };
  for (const batch of [1, 4]) {
    expect(classOf({ ...product, batch })).toBe('matrix');
    expect(classOf({ ...product, batch, isAttention: true })).toBe('attention');
  }
});
