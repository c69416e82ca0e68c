/** Flash attention: softmax(q k / sqrt(d)) v without a score matrix in device memory (Dao et al. 2022, 2023). */
import type { Dtype } from '../dtype.ts';
import { DTYPE_BYTES } from '../dtype.ts';
import { bytes, flops } from '../../units/quantity.ts';
import type { OpCost } from './cost.ts';
import type { Columns, Positions } from './positions.ts';

/**
 * q: [batch, queries, heads, keyDim]; k: [batch, keys, kvHeads, keyDim]; v the same with valueDim, as is the output. A query
 * head reads the key head at its own index times kvHeads / heads. Sums are natural logarithms of the softmax's
 * denominators in fp32, [batch x queries, heads], of the scaled scores; minus infinity and an output of zero where a row
 * meets no key at all.
 *
 *     forward    [tensors that hold q, k and v, sinks?] -> [output, sums]
 *     backward   [the same, output, sums, gradient of the output] -> [gradient of q, gradient of k and behind it in each
 *                row that of v, gradient of the sinks?]; that of the sinks is added to what is there
 */
export interface FlashAttention {
  readonly kind: 'flash-attention';
  readonly pass: 'forward' | 'backward';
  readonly batch: number;
  readonly queries: number;
  readonly keys: number;
  /** Pairs of a query and a key that the mask lets meet, of one sequence and head: blocks outside it are left out. */
  readonly pairs: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly keyDim: number;
  readonly valueDim: number;
  readonly dtype: Dtype;
  /** Where each begins among the inputs, of a row. */
  readonly query: Columns;
  readonly key: Columns;
  readonly value: Columns;
  /** A query meets the keys at its own position and before it, if they are fewer than `window` tokens away. */
  readonly queriesAt: Positions;
  readonly keysAt: Positions;
  readonly window: number | null;
  /** True when a learned logit a head [heads], itself not scaled, joins each softmax and its sum. */
  readonly sinks: boolean;
}

/**
 * With d the width of queries and keys and e that of values, forward: two products (q k, p v), 2 (d + e) FLOPs a pair
 * and head. Backward: five (q k again, then the gradients of v, p, q and k), 2 (3 d + 2 e). Traffic: q, k, v, output
 * and one fp32 logarithm of the softmax sum a row forward; those and the four gradients backward.
 */
export const flashAttentionCost = (op: FlashAttention): OpCost => {
  const { pass, batch, queries, keys, pairs, heads, kvHeads, keyDim, valueDim, dtype } = op;
  const depth = pass === 'forward' ? keyDim + valueDim : 3 * keyDim + 2 * valueDim;
  const tensors = batch * (queries * heads + keys * kvHeads) * (keyDim + valueDim);
  const elements = pass === 'forward' ? tensors : 2 * tensors;
  return {
    flops: flops(2 * batch * heads * pairs * depth),
    traffic: bytes(elements * DTYPE_BYTES[dtype] + 4 * batch * queries * heads),
  };
};

/**
 * Joins the results of two sets of keys: [output, sums, other output, other sums] -> [output, sums], as if the queries had
 * met all keys at once. Shapes as of `FlashAttention`.
 */
export interface AttentionMerge {
  readonly kind: 'attention-merge';
  readonly rows: number;
  readonly heads: number;
  readonly valueDim: number;
  readonly dtype: Dtype;
}
/** Each output is read and one is written; the sums beside them are few. */
export const attentionMergeCost = ({ rows, heads, valueDim, dtype }: AttentionMerge): OpCost => {
  const elements = rows * heads * valueDim;
  return { flops: flops(3 * elements), traffic: bytes(3 * elements * DTYPE_BYTES[dtype]) };
};
