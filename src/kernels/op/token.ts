/** The two ends of a language model: rows of an embedding table in, a loss over the vocabulary out. */
import type { Dtype } from '../dtype.ts';
import { DTYPE_BYTES } from '../dtype.ts';
import { bytes, flops } from '../../units/quantity.ts';
import type { OpCost } from './cost.ts';
import { elementCost } from './cost.ts';

/** Gathers a row of `hidden` a token; backward adds each token's gradient to its row. */
export interface Embedding {
  readonly kind: 'embedding';
  readonly pass: 'forward' | 'backward';
  readonly tokens: number;
  readonly hidden: number;
  /** True when a learned position is added. */
  readonly positions: boolean;
  readonly dtype: Dtype;
  /** Format of the table's gradient. */
  readonly gradient: Dtype;
}
export const embeddingCost = ({ pass, tokens, hidden, positions, dtype, gradient }: Embedding): OpCost => {
  const elements = tokens * hidden;
  const tables = positions ? 2 : 1;
  return pass === 'forward'
    ? elementCost(dtype, { flops: positions ? elements : 0, read: tables * elements, written: elements })
    : {
        flops: flops(tables * elements),
        traffic: bytes(elements * DTYPE_BYTES[dtype] + 2 * tables * elements * DTYPE_BYTES[gradient]),
      };
};

/**
 * Softmax cross-entropy over the part of the vocabulary on this rank (Megatron-LM's vocabulary-parallel loss).
 * Forward: a pass for the maximum and one for the exponentials, kept in fp32. Backward: softmax minus one-hot, in place.
 */
export interface CrossEntropy {
  readonly kind: 'cross-entropy';
  readonly pass: 'forward' | 'backward';
  readonly tokens: number;
  readonly vocabulary: number;
  readonly dtype: Dtype;
}
export const crossEntropyCost = ({ pass, tokens, vocabulary, dtype }: CrossEntropy): OpCost => {
  const elements = tokens * vocabulary;
  return pass === 'forward'
    ? { flops: flops(5 * elements), traffic: bytes(elements * (2 * DTYPE_BYTES[dtype] + 2 * DTYPE_BYTES.fp32)) }
    : { flops: flops(2 * elements), traffic: bytes(elements * (DTYPE_BYTES.fp32 + DTYPE_BYTES[dtype])) };
};
