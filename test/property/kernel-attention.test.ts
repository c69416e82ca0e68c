/** Laws of attention, of the reference: what it computes, and that parts of the keys join to the whole. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Op } from '../../src/kernels/op.ts';
import type { FlashAttention } from '../../src/kernels/op/attention.ts';
import type { Positions } from '../../src/kernels/op/positions.ts';
import { rowsOf } from '../../src/kernels/op/positions.ts';
import type { Numbers } from '../worlds/applied.ts';
import { applied, dot, drawn, expectEqual, garbage, zeros } from '../worlds/applied.ts';
import { anySeed } from '../worlds/attention-operations.ts';
import { Draw } from '../worlds/filled.ts';

const anyWhole = fc.record({
  batch: fc.integer({ min: 1, max: 2 }),
  ranks: fc.integer({ min: 1, max: 3 }),
  length: fc.integer({ min: 1, max: 3 }),
  kvHeads: fc.integer({ min: 1, max: 2 }),
  group: fc.integer({ min: 1, max: 3 }),
  keyDim: fc.integer({ min: 1, max: 4 }),
  valueDim: fc.integer({ min: 1, max: 4 }),
  window: fc.option(fc.integer({ min: 1, max: 9 })),
  sinks: fc.boolean(),
  seed: anySeed,
});
type Whole = typeof anyWhole extends fc.Arbitrary<infer T> ? T : never;

const opOf = (whole: Whole, queriesAt: Positions, keysAt: Positions): FlashAttention => {
  const { batch, kvHeads, group, keyDim, valueDim, window, sinks } = whole;
  const heads = kvHeads * group;
  const columns = (tensor: number, stride: number) => ({ tensor, start: 0, stride });
  return {
    kind: 'flash-attention',
    pass: 'forward',
    pairs: 0,
    dtype: 'fp32',
    batch,
    heads,
    kvHeads,
    keyDim,
    valueDim,
    window,
    sinks,
    queriesAt,
    keysAt,
    queries: rowsOf(queriesAt),
    keys: rowsOf(keysAt),
    query: columns(0, heads * keyDim),
    key: columns(1, kvHeads * keyDim),
    value: columns(2, kvHeads * valueDim),
  };
};
const forward = (op: FlashAttention, inputs: readonly Numbers[]): Numbers[] => {
  const results = op.batch * op.queries * op.heads;
  return applied(op, inputs, [garbage(results * op.valueDim), garbage(results)]);
};
const backward = (op: FlashAttention, inputs: readonly Numbers[]): Numbers[] =>
  applied({ ...op, pass: 'backward' }, inputs, [
    garbage(op.batch * op.queries * op.heads * op.keyDim),
    garbage(op.batch * op.keys * op.kvHeads * (op.keyDim + op.valueDim)),
    zeros(op.heads),
  ]);
const merged = (op: FlashAttention, parts: readonly Numbers[][]): Numbers[] => {
  const { heads, valueDim, dtype } = op;
  const merge: Op = { kind: 'attention-merge', rows: op.batch * op.queries, heads, valueDim, dtype };
  return parts.reduce((one, other) =>
    applied(
      merge,
      [...one, ...other],
      one.map((part) => garbage(part.length)),
    ),
  );
};

/** Where the rows of each rank, an early and a late piece of every sequence, stand in the whole. */
const rowsAt = ({ batch, starts, length }: Positions, total: number): number[] =>
  Array.from({ length: batch }, (_, sequence) =>
    starts.flatMap((start) => Array.from({ length }, (_, index) => sequence * total + start + index)),
  ).flat();
const pick = (rows: readonly number[], of: Numbers, allRows: number): Numbers => {
  const width = of.length / allRows;
  return Float64Array.from(rows.flatMap((row) => [...of.subarray(row * width, (row + 1) * width)]));
};
const addRows = (into: Numbers, rows: readonly number[], { of, allRows }: { of: Numbers; allRows: number }): void => {
  const width = into.length / allRows;
  for (const [index, row] of rows.entries())
    for (let column = 0; column < width; column++) into[row * width + column]! += of[index * width + column]!;
};

test('attention over keys of several ranks, merged in any order, is attention over all at once, forward and backward', () => {
  fc.assert(
    fc.property(anyWhole, (whole) => {
      const { batch, ranks, length, sinks, seed } = whole;
      const draw = new Draw(seed);
      const total = 2 * ranks * length;
      const everything: Positions = { batch, starts: [0], length: total };
      const op = opOf(whole, everything, everything);
      const allRows = batch * total;
      const [q, k, v] = [op.query, op.key, op.value].map(({ stride }) => drawn(draw, allRows * stride));
      const sinkLogits = drawn(draw, op.heads);
      const [output, sums] = forward(op, [q!, k!, v!, ...(sinks ? [sinkLogits] : [])]);
      const gradient = drawn(draw, output!.length);
      const all = [q!, k!, v!, ...(sinks ? [sinkLogits] : []), output!, sums!, gradient];
      const [wantedQueries, wantedKeys, wantedSinks] = backward(op, all);

      const pieces = Array.from({ length: ranks }, (_, rank): Positions => {
        return { batch, length, starts: [rank * length, (2 * ranks - 1 - rank) * length] };
      });
      const [toQueries, toKeys, toSinks] = [wantedQueries!, wantedKeys!, wantedSinks!].map((one) => zeros(one.length));
      for (const queriesAt of pieces) {
        const own = rowsAt(queriesAt, total);
        const first = draw.whole(0, ranks - 1);
        // Sinks join the softmax once, with one of the sets of keys.
        const blocks = pieces.map((_, index) => {
          const keysAt = pieces[(first + index) % ranks]!;
          const rows = rowsAt(keysAt, total);
          const hasSinks = sinks && index === ranks - 1;
          const inputs = [pick(own, q!, allRows), pick(rows, k!, allRows), pick(rows, v!, allRows)];
          if (hasSinks) inputs.push(sinkLogits);
          return { op: { ...opOf(whole, queriesAt, keysAt), sinks: hasSinks }, inputs, rows };
        });
        const parts = blocks.map((block) => forward(block.op, block.inputs));
        const [mergedOutput, mergedSums] = merged(blocks[0]!.op, parts);
        expectEqual(mergedOutput!, pick(own, output!, allRows));
        expectEqual(mergedSums!, pick(own, sums!, allRows));
        for (const block of blocks) {
          const read = [...block.inputs, mergedOutput!, mergedSums!, pick(own, gradient, allRows)];
          const [queries, keys, sinks] = backward(block.op, read);
          addRows(toQueries!, own, { of: queries!, allRows });
          addRows(toKeys!, block.rows, { of: keys!, allRows });
          addRows(toSinks!, [0], { of: sinks!, allRows: 1 });
        }
      }
      expectEqual(toQueries!, wantedQueries!);
      expectEqual(toKeys!, wantedKeys!);
      expectEqual(toSinks!, wantedSinks!);
    }),
  );
});

test('attention gives each query the average of the values that it meets, by the exponentials of their scores', () => {
  fc.assert(
    fc.property(anyWhole, (whole) => {
      const draw = new Draw(whole.seed);
      const at: Positions = { batch: 1, starts: [0], length: 2 * whole.ranks * whole.length };
      const op = { ...opOf({ ...whole, batch: 1 }, at, at), sinks: false };
      const { heads, kvHeads, keyDim, valueDim, window } = op;
      const [q, k, v] = [op.query, op.key, op.value].map(({ stride }) => drawn(draw, at.length * stride));
      const [output] = forward(op, [q!, k!, v!]);
      for (let query = 0; query < at.length; query++)
        for (let head = 0; head < heads; head++) {
          const keyHead = Math.floor(head / whole.group);
          let [total, value] = [0, 0];
          for (let key = Math.max(0, query - (window ?? Infinity) + 1); key <= query; key++) {
            const own = q!.subarray((query * heads + head) * keyDim, (query * heads + head + 1) * keyDim);
            const met = k!.subarray((key * kvHeads + keyHead) * keyDim, (key * kvHeads + keyHead + 1) * keyDim);
            const power = Math.exp(dot(own, met) / Math.sqrt(keyDim));
            total += power;
            value += power * v![(key * kvHeads + keyHead) * valueDim]!;
          }
          expect(output![(query * heads + head) * valueDim]).toBeCloseTo(value / total, 9);
        }
    }),
  );
});

test('attention of a query that meets no key is zero, and its sum minus infinity', () => {
  const one = { batch: 1, length: 1 };
  const whole = {
    ...one,
    ranks: 1,
    kvHeads: 1,
    group: 1,
    keyDim: 1,
    valueDim: 1,
    window: null,
    sinks: false,
    seed: 0,
  };
  const op = opOf(whole, { ...one, starts: [0] }, { ...one, starts: [1] });
  const input = Float64Array.of(1);
  expect(forward(op, [input, input, input]).map(([only]) => only)).toEqual([0, -Infinity]);
  const before = [Float64Array.of(0), Float64Array.of(-Infinity), input];
  expect(backward(op, [input, input, input, ...before]).map((one) => [...one])).toEqual([[0], [0, 0], [0]]);
});
