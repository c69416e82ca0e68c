/** Flash attention: softmax(q k / sqrt(d)) v without a score matrix in device memory (Dao et al. 2022, 2023). */
import type { Dtype } from '../dtype.ts';
import { DTYPE_BYTES } from '../dtype.ts';
import { bytes, flops } from '../../units/quantity.ts';
import type { OpCost } from './cost.ts';

/** q, output: [batch, sequence, heads, headDim]; k, v: [batch, sequence, kvHeads, headDim]; causal. */
export interface FlashAttention {
  readonly kind: 'flash-attention';
  readonly pass: 'forward' | 'backward';
  readonly batch: number;
  readonly sequence: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly dtype: Dtype;
}

/**
 * Pairs of a query and a key at or before it: the causal half of s x s with its diagonal.
 */
const causalPairs = (sequence: number): number => (sequence * (sequence + 1)) / 2;

/**
 * Forward: two products (q k, p v), 4 d FLOPs a pair of positions and head. Backward: five (q k again, then the
 * gradients of v, p, q and k), 10 d. Traffic: q, k, v, output and one fp32 logarithm of the softmax sum a row forward;
 * those and the four gradients backward.
 */
export const flashAttentionCost = (op: FlashAttention): OpCost => {
  const { pass, batch, sequence, heads, kvHeads, headDim, dtype } = op;
  const products = pass === 'forward' ? 2 : 5;
  const queries = batch * sequence * heads * headDim;
  const keys = batch * sequence * kvHeads * headDim;
  const elements = pass === 'forward' ? 2 * queries + 2 * keys : 4 * queries + 4 * keys;
  return {
    flops: flops(2 * products * batch * heads * causalPairs(sequence) * headDim),
    traffic: bytes(elements * DTYPE_BYTES[dtype] + 4 * batch * sequence * heads),
  };
};
