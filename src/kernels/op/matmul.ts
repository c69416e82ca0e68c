/** Matrix multiplication, alone or as a batch of equal ones. */
import type { Dtype } from '../dtype.ts';
import { DTYPE_BYTES } from '../dtype.ts';
import { bytes, flops } from '../../units/quantity.ts';
import type { OpCost } from './cost.ts';

/**
 * output [batch, m, n] = left [batch, m, k] x right [batch, k, n], each operand stored plain (n) or transposed (t), all in
 * rows. Inputs and outputs by `transpose`, where a list stands side by side, as columns of one matrix:
 *
 *     nn   [left, right, bias?] -> list of outputs
 *     nt   [list of lefts, right stored [n, k]] -> [output]
 *     tn   [left stored [k, m], list of rights] -> [output]
 */
export interface Matmul {
  readonly kind: 'matmul';
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly batch: number;
  /** How left and right are stored: forward `nn`, gradient of the input `nt`, gradient of the weight `tn`. */
  readonly transpose: 'nn' | 'nt' | 'tn';
  /** The operands' format, at whose peak the multiplication runs. */
  readonly dtype: Dtype;
  readonly output: Dtype;
  /** True when the product is added to what the output holds (gradient accumulation). */
  readonly accumulates: boolean;
  /** True when a bias [n] is added to every row (`nn` only). */
  readonly bias: boolean;
  /** True for the products of unfused attention, one a head, which count as attention. */
  readonly isAttention: boolean;
}

/** FLOPs 2 batch m n k; traffic: both operands once, the output once, or twice when it accumulates. */
export const matmulCost = ({ m, n, k, batch, dtype, output, accumulates }: Matmul): OpCost => ({
  flops: flops(2 * batch * m * n * k),
  traffic: bytes(batch * ((m * k + k * n) * DTYPE_BYTES[dtype] + m * n * DTYPE_BYTES[output] * (accumulates ? 2 : 1))),
});
