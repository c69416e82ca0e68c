/** The products of several experts in one kernel: each group of rows meets a matrix of its own. */
import type { Dtype } from '../dtype.ts';
import { DTYPE_BYTES } from '../dtype.ts';
import { bytes, flops } from '../../units/quantity.ts';
import type { OpCost } from './cost.ts';
import type { Matmul } from './matmul.ts';

/**
 * The rows of one group stand behind those of another. Inputs and outputs by `transpose`:
 *
 *     nn   [left [rows, k], the groups' right [groups, k, n]] -> [output [rows, n]]
 *     nt   [left [rows, k], the groups' right [groups, n, k]] -> [output [rows, n]]
 *     tn   [left [rows, k], right [rows, n]] -> [output [groups, k, n]], of each group its left, transposed, by its right
 */
export interface GroupedMatmul {
  readonly kind: 'grouped-matmul';
  readonly groups: number;
  /** Of all groups together. */
  readonly rows: number;
  /** Of each group. */
  readonly sizes: readonly number[];
  readonly n: number;
  readonly k: number;
  readonly transpose: Matmul['transpose'];
  readonly dtype: Dtype;
  readonly output: Dtype;
  readonly accumulates: boolean;
}

/** FLOPs 2 rows n k, however many groups; traffic: both operands once, the output once, or twice when it accumulates. */
export const groupedMatmulCost = (op: GroupedMatmul): OpCost => {
  const { groups, rows, n, k, transpose, dtype, output, accumulates } = op;
  const weights = groups * k * n;
  const [read, written] = transpose === 'tn' ? [rows * (k + n), weights] : [rows * k + weights, rows * n];
  const passes = accumulates ? 2 : 1;
  return {
    flops: flops(2 * rows * n * k),
    traffic: bytes(read * DTYPE_BYTES[dtype] + written * passes * DTYPE_BYTES[output]),
  };
};
