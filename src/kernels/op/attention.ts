/** Flash attention: softmax(q k / sqrt(d)) v without a score matrix in device memory (Dao et al. 2022, 2023). */
import type { Dtype } from '../dtype.ts';
import { DTYPE_BYTES } from '../dtype.ts';
import { bytes, flops } from '../../units/quantity.ts';
import type { OpCost } from './cost.ts';

/** q: [batch, queries, heads, keyDim]; k: [batch, keys, kvHeads, keyDim]; v the same with valueDim, as is the output. */
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
