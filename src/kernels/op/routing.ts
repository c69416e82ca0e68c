/** What a mixture of experts does beside its products: choosing experts, and moving rows to them and back. */
import type { Dtype } from '../dtype.ts';
import { DTYPE_BYTES } from '../dtype.ts';
import { bytes, flops } from '../../units/quantity.ts';
import type { OpCost } from './cost.ts';
import { elementCost } from './cost.ts';

/** Scores of all experts, the best `active` of them a token, and their weights, in fp32. */
export interface TopK {
  readonly kind: 'top-k';
  readonly pass: 'forward' | 'backward';
  readonly tokens: number;
  readonly experts: number;
  readonly active: number;
}
/** About 5 FLOPs a score as in a softmax. Forward reads the logits and writes the weights; backward the other way round. */
export const topKCost = ({ tokens, experts, active }: TopK): OpCost => ({
  flops: flops(5 * tokens * experts),
  // Beside each weight stands the number of its expert.
  traffic: bytes(tokens * (experts + 2 * active) * DTYPE_BYTES.fp32),
});

/** `spread` copies each token's row to the rows of its experts; `gather` adds those up again into one. */
export interface Permute {
  readonly kind: 'permute';
  readonly direction: 'spread' | 'gather';
  readonly tokens: number;
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
