/** What a mixture of experts does beside its products: choosing experts, and moving rows to them and back. */
import type { Dtype } from '../dtype.ts';
import { DTYPE_BYTES } from '../dtype.ts';
import { bytes, flops } from '../../units/quantity.ts';
import type { OpCost } from './cost.ts';
import { elementCost } from './cost.ts';

/**
 * Scores of all experts, the best `active` of them a token, of equal ones those of the smallest numbers, and as their
 * weights the softmax of their scores (Jiang et al. 2024, arXiv 2401.04088).
 *
 *     forward    [logits [tokens, experts]] -> [weights [tokens, active], numbers of the experts, likewise]
 *     backward   [weights, numbers, gradient of the weights, logits?, counts?] -> [gradient of the logits]
 */
export interface TopK {
  readonly kind: 'top-k';
  readonly pass: 'forward' | 'backward';
  readonly tokens: number;
  readonly experts: number;
  readonly active: number;
  /** Of a backward pass: null without a loss that balances the experts, and then logits and counts are not read. */
  readonly balance: Balance | null;
}
/**
 * A loss a sequence, as in Lepikhin et al. 2020 (arXiv 2006.16668) and Fedus et al. 2021 (arXiv 2101.03961): the sum over
 * the experts of how often the sequence chose each, times the sum over its tokens of the softmax of all scores.
 */
export interface Balance {
  /** By which the loss is multiplied. */
  readonly weight: number;
  /** Rows a block of the tokens, all of one sequence. */
  readonly blockRows: number;
  /** For each block of the tokens the rows of the counts [blocks of all ranks, experts] that are of its sequence. */
  readonly sequences: readonly (readonly number[])[];
}
/** About 5 FLOPs a score as in a softmax. Forward reads the logits and writes the weights; backward the other way round. */
export const topKCost = ({ tokens, experts, active, balance }: TopK): OpCost => ({
  flops: flops((balance === null ? 5 : 10) * tokens * experts),
  // Beside each weight stands the number of its expert.
  traffic: bytes(tokens * ((balance === null ? 1 : 2) * experts + 2 * active) * DTYPE_BYTES.fp32),
});

/** How often each block of rows chooses each expert: [numbers [tokens, active]] -> [counts [tokens / blockRows, experts]]. */
export interface ChoiceCounts {
  readonly kind: 'choice-counts';
  readonly tokens: number;
  readonly experts: number;
  readonly active: number;
  readonly blockRows: number;
}
export const choiceCountsCost = ({ tokens, experts, active, blockRows }: ChoiceCounts): OpCost =>
  elementCost('int32', { flops: tokens * active, read: tokens * active, written: (tokens / blockRows) * experts });

/**
 * Which row each choice becomes when rows are sorted by expert, those of one expert as they come; -1 if it is dropped:
 * [numbers [tokens, active], counts?] -> [places [tokens, active], rows that each expert gets [experts]].
 */
export interface ExpertPlaces {
  readonly kind: 'expert-places';
  readonly tokens: number;
  readonly experts: number;
  readonly active: number;
  /** Null: no choice is dropped, and the counts are not read. */
  readonly capacity: Capacity | null;
}
/** Of every sequence an expert takes the first so many choices, in the order of their positions. */
export interface Capacity {
  readonly most: number;
  readonly blockRows: number;
  /** For each block of the tokens the rows of the counts [blocks of all ranks, experts] that stand before it in its sequence. */
  readonly before: readonly (readonly number[])[];
}
export const expertPlacesCost = ({ tokens, experts, active }: ExpertPlaces): OpCost =>
  elementCost('int32', { flops: tokens * active, read: tokens * active, written: tokens * active + experts });

/**
 * `spread` copies each token's row to the rows of its choices; `gather` adds those up again into one, in the order of the
 * choices. A choice in place -1 gets nothing, and adds nothing.
 *
 *     spread    [rows of tokens, places [tokens, choices]] -> [rows at their places]
 *     gather    [rows at their places, places] -> [rows of tokens]
 */
export interface Permute {
  readonly kind: 'permute';
  readonly direction: 'spread' | 'gather';
  readonly tokens: number;
  /** Places of a token. */
  readonly choices: number;
  /** Rows on the experts' side: a token has as many as it has active experts, unless some are dropped or padded. */
  readonly rows: number;
  readonly width: number;
  readonly dtype: Dtype;
}
export const permuteCost = ({ direction, tokens, rows, width, dtype }: Permute): OpCost => {
  const [few, many] = [tokens * width, rows * width];
  return direction === 'spread'
    ? elementCost(dtype, { flops: 0, read: few, written: many })
    : elementCost(dtype, { flops: many, read: many, written: few });
};

/**
 * `run` elements in a row, again and again along up to three outer axes: element (i, j, k, r) of input `from` at
 * fromStart + i fromStrides[0] + j fromStrides[1] + k fromStrides[2] + r goes to the like place of output `to`.
 */
export interface Run {
  readonly from: number;
  readonly to: number;
  readonly fromStart: number;
  readonly toStart: number;
  readonly run: number;
  readonly counts: readonly [number, number, number];
  readonly fromStrides: readonly [number, number, number];
  readonly toStrides: readonly [number, number, number];
}

/** Lays elements out anew, some of them repeated: rows in another order, keys beside their positions. */
export interface Copy {
  readonly kind: 'copy';
  readonly read: number;
  readonly written: number;
  /** Empty in the programs of models that are only simulated so far. */
  readonly runs: readonly Run[];
  readonly dtype: Dtype;
}
export const copyCost = ({ read, written, dtype }: Copy): OpCost => elementCost(dtype, { flops: 0, read, written });
