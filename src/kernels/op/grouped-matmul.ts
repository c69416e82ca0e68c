/** The products of several experts in one kernel: each group of rows meets a matrix of its own. */
import type { Dtype } from '../dtype.ts';
import { DTYPE_BYTES } from '../dtype.ts';
import { bytes, flops } from '../../units/quantity.ts';
import type { OpCost } from './cost.ts';
import type { Matmul } from './matmul.ts';

/**
 * `rows` are spread evenly over the groups. `nn` and `nt`: output [rows, n] = left [rows, k] x the group's [k, n]. `tn`:
 * output [groups, k, n], for each group the product of its rows of left [rows, k], transposed, and of right [rows, n].
 */
export interface GroupedMatmul {
  readonly kind: 'grouped-matmul';
  readonly groups: number;
  /** Of all groups together. */
  readonly rows: number;
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
