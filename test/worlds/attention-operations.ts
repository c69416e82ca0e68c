/** Attention to try: heads in groups, pieces of sequences, windows, sinks, and tensors that hold more than one part. */
import fc from 'fast-check';
import type { AttentionMerge, FlashAttention } from '../../src/kernels/op/attention.ts';
import type { Columns, Positions } from '../../src/kernels/op/positions.ts';
import { rowsOf } from '../../src/kernels/op/positions.ts';
import { positionAt } from '../../src/kernels/reference/position.ts';
import type { Filled, Float, Trial } from './filled.ts';
import { allRowsOf, Draw, filled, results, unwritten } from './filled.ts';

const small = (max: number): fc.Arbitrary<number> => fc.integer({ min: 1, max });
export const anySeed = fc.integer();

/** One or two pieces of each sequence, from somewhere on. */
export const anyPositions = (batch: number): fc.Arbitrary<Positions> =>
  fc.record({ length: small(7), first: fc.nat(9), gap: fc.option(fc.nat(9)) }).map(({ length, first, gap }) => ({
    batch,
    length,
    starts: gap === null ? [first] : [first, first + length + gap],
  }));

/** Which of queries, keys and values share a tensor: all, keys and values, or none. */
const LAYOUTS = ['together', 'keys with values', 'apart'] as const;

const anyShape = small(2).chain((batch) =>
  fc.record({
    layout: fc.constantFrom(...LAYOUTS),
    kvHeads: small(3),
    group: small(3),
    keyDim: small(20),
    valueDim: small(20),
    /** Columns in front of each part and behind the last, which belong to nobody here. */
    margin: fc.nat(3),
    window: fc.option(small(12)),
    sinks: fc.boolean(),
    queriesAt: anyPositions(batch),
    keysAt: anyPositions(batch),
    seed: anySeed,
  }),
);
export type AttentionShape = typeof anyShape extends fc.Arbitrary<infer T> ? T : never;
export const anyAttentionShape: fc.Arbitrary<AttentionShape> = anyShape;

const widthsOf = ({ kvHeads, group, keyDim, valueDim }: AttentionShape) => ({
  query: kvHeads * group * keyDim,
  key: kvHeads * keyDim,
  value: kvHeads * valueDim,
});

/** For each part the tensor and the column that it begins at, and the widths of the tensors. */
const placesOf = (shape: AttentionShape): { parts: Record<'query' | 'key' | 'value', Columns>; strides: number[] } => {
  const widths = widthsOf(shape);
  const tensors = { together: [0, 0, 0], 'keys with values': [0, 1, 1], apart: [0, 1, 2] }[shape.layout];
  const strides = tensors.map(() => shape.margin);
  const starts = (['query', 'key', 'value'] as const).map((part, index) => {
    const start = strides[tensors[index]!]!;
    strides[tensors[index]!]! += widths[part] + shape.margin;
    return start;
  });
  const [query, key, value] = starts.map((start, index) => {
    const tensor = tensors[index]!;
    return { tensor, start, stride: strides[tensor]! };
  });
  return { parts: { query: query!, key: key!, value: value! }, strides: strides.slice(0, Math.max(...tensors) + 1) };
};

const pairsOf = (queriesAt: Positions, keysAt: Positions, window: number | null): number => {
  let pairs = 0;
  for (let query = 0; query < rowsOf(queriesAt); query++)
    for (let key = 0; key < rowsOf(keysAt); key++) {
      const distance = positionAt(queriesAt, query) - positionAt(keysAt, key);
      if (distance >= 0 && distance < (window ?? Infinity)) pairs++;
    }
  return pairs;
};

/** The forward operation of that shape, on drawn values. */
export const attentionForward = (shape: AttentionShape, dtype: Float): Trial & { readonly op: FlashAttention } => {
  const { kvHeads, group, keyDim, valueDim, window, sinks, queriesAt } = shape;
  // Rows of one tensor are queries and keys at once.
  const keysAt = shape.layout === 'together' ? queriesAt : shape.keysAt;
  const heads = kvHeads * group;
  const draw = new Draw(shape.seed);
  const { parts, strides } = placesOf(shape);
  const holders = strides.map((stride, index) => {
    const at = index === 0 ? queriesAt : keysAt;
    return draw.tensor(dtype, [allRowsOf(at), stride]);
  });
  const rows = allRowsOf(queriesAt);
  return {
    op: {
      kind: 'flash-attention',
      pass: 'forward',
      batch: queriesAt.batch,
      queries: rowsOf(queriesAt),
      keys: rowsOf(keysAt),
      pairs: pairsOf(queriesAt, keysAt, window),
      heads,
      kvHeads,
      keyDim,
      valueDim,
      dtype,
      ...parts,
      queriesAt,
      keysAt,
      window,
      sinks,
    },
    inputs: [...holders, ...(sinks ? [draw.tensor(dtype, [heads])] : [])],
    outputs: [unwritten(dtype, [rows, heads * valueDim]), unwritten('fp32', [rows, heads])],
  };
};

/** The backward operation of a forward one, whose queries met further keys elsewhere too. */
const attentionBackward = (shape: AttentionShape, dtype: Float): Trial => {
  const forward = attentionForward(shape, dtype);
  const draw = new Draw(shape.seed + 1);
  const [output, sums] = results(forward);
  const { op } = forward;
  const rows = allRowsOf(op.queriesAt);
  const { values } = sums!;
  const more = filled(
    'fp32',
    sums!.shape,
    values.map((sum) => sum + draw.between(0, 1)),
  );
  return {
    op: { ...op, pass: 'backward' },
    inputs: [...forward.inputs, output!, more, draw.tensor(dtype, output!.shape)],
    outputs: [
      unwritten(dtype, [rows, op.heads * op.keyDim]),
      unwritten(dtype, [allRowsOf(op.keysAt), op.kvHeads * (op.keyDim + op.valueDim)]),
      ...(op.sinks ? [draw.tensor(dtype === 'bf16' ? 'fp32' : dtype, [op.heads])] : []),
    ],
  };
};

export const anyAttention = (dtype: Float): fc.Arbitrary<Trial> =>
  fc
    .tuple(anyShape, fc.boolean())
    .map(([shape, isForward]) => (isForward ? attentionForward(shape, dtype) : attentionBackward(shape, dtype)));

/** Of the two sets of keys either may be empty for a row. */
export const anyMerge = (dtype: Float): fc.Arbitrary<Trial> =>
  fc
    .record({ rows: small(6), heads: small(3), valueDim: small(20), inPlace: fc.boolean(), seed: anySeed })
    .map(({ rows, heads, valueDim, inPlace, seed }) => {
      const op: AttentionMerge = { kind: 'attention-merge', rows, heads, valueDim, dtype };
      const draw = new Draw(seed);
      const attended = (): [Filled, Filled] => {
        const sums = draw.tensor('fp32', [rows, heads], [-4, 4]).values.map((sum) => (sum < -3 ? -Infinity : sum));
        const output = draw.tensor(dtype, [rows, heads * valueDim]);
        const met = output.values.map((one, index) => (sums[Math.floor(index / valueDim)] === -Infinity ? 0 : one));
        return [filled(dtype, output.shape, met), filled('fp32', [rows, heads], sums)];
      };
      const first = attended();
      return {
        op,
        inputs: [...first, ...attended()],
        outputs: inPlace ? first : first.map(({ dtype, shape }) => unwritten(dtype, shape)),
      };
    });
