/** The two ends of a language model: rows of an embedding table in, a loss over the vocabulary out. */
import type { Dtype } from '../dtype.ts';
import { DTYPE_BYTES } from '../dtype.ts';
import { bytes, flops } from '../../units/quantity.ts';
import type { OpCost } from './cost.ts';
import { elementCost } from './cost.ts';
import type { Positions } from './positions.ts';

/**
 * Gathers a row of `hidden` a token, zeros for a word that is not on this rank; backward adds each token's gradient to its
 * row.
 *
 *     forward    [ids, table, positions?] -> [rows]
 *     backward   [ids, gradient] -> [gradient of the table, of the positions?], both added to
 */
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
  /** Words of the table on this rank, from `first` on. */
  readonly first: number;
  readonly words: number;
  readonly at: Positions;
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
 * Softmax cross-entropy over the part of the vocabulary on this rank (after Megatron-LM's vocabulary-parallel loss).
 * Forward: a pass for the maximum and one for the exponentials, kept in fp32. Backward: softmax minus one-hot.
 *
 *     forward    [logits, labels] -> [exp(logit - the row's maximum here), statistics [3, T]]: each row's maximum, the
 *                sum of its exponentials, and its label's logit, minus infinity if the label is on another rank
 *     backward   [exponentials, scales [T], labels] -> [gradient of the logits]: (exponential scale - one-hot) weight
 *
 * Columns behind the last word of the vocabulary are padding: exponential 0, gradient 0.
 */
export interface CrossEntropy {
  readonly kind: 'cross-entropy';
  readonly pass: 'forward' | 'backward';
  readonly tokens: number;
  readonly vocabulary: number;
  readonly dtype: Dtype;
  /** The first word on this rank, and how many of its words are no padding. */
  readonly first: number;
  readonly words: number;
  /** By which the gradient of each token is multiplied: one over the tokens that the loss is a mean of. */
  readonly weight: number;
}
export const crossEntropyCost = ({ pass, tokens, vocabulary, dtype }: CrossEntropy): OpCost => {
  const elements = tokens * vocabulary;
  return pass === 'forward'
    ? { flops: flops(5 * elements), traffic: bytes(elements * (2 * DTYPE_BYTES[dtype] + 2 * DTYPE_BYTES.fp32)) }
    : { flops: flops(2 * elements), traffic: bytes(elements * (DTYPE_BYTES.fp32 + DTYPE_BYTES[dtype])) };
};

/**
 * The loss of each token from the statistics of all ranks that share the vocabulary: [statistics [ranks, 3, T], loss [1]]
 * -> [scales [T], loss]. A token's loss is log(sum of all exponentials) - its label's logit; all are added to the loss. A
 * scale turns the exponentials of rank `self` into probabilities.
 */
export interface TokenLoss {
  readonly kind: 'token-loss';
  readonly tokens: number;
  readonly ranks: number;
  readonly self: number;
}
export const tokenLossCost = ({ tokens, ranks }: TokenLoss): OpCost =>
  elementCost('fp32', { flops: 6 * tokens * ranks, read: 3 * tokens * ranks, written: tokens });
