/** The exponential of four numbers at once. */
import { constant } from './constant';
import { fusedMultiplyAdd } from './fused';

/**
 * exp(x) = 2^n exp(r), n the whole number nearest to x / ln 2 and |r| <= ln 2 / 2, with the polynomial of Moshier's Cephes
 * (netlib.org/cephes, expf). Below the smallest normal number it is 0; above 2^127.5 it stays there; a NaN stays one.
 */
export function exp4(x: v128): v128 {
  // These minima and maxima keep their first operand if it is a NaN, and are one instruction each.
  const bounded = f32x4.pmin(f32x4.pmax(x, constant(LEAST)), constant(MOST));
  // A number that is larger by 1.5 x 2^23 has no bits behind the point: n stands in its last bits.
  const shifted = fusedMultiplyAdd(bounded, constant(LOG2_E), constant(ROUNDER));
  const n = f32x4.sub(shifted, constant(ROUNDER));
  // ln 2 in two parts, the first so short that its product with n is exact.
  let r = fusedMultiplyAdd(n, constant(LN2_HIGH), bounded);
  r = fusedMultiplyAdd(n, constant(LN2_LOW), r);
  let p = fusedMultiplyAdd(constant(C7), r, constant(C6));
  p = fusedMultiplyAdd(p, r, constant(C5));
  p = fusedMultiplyAdd(p, r, constant(C4));
  p = fusedMultiplyAdd(p, r, constant(C3));
  p = fusedMultiplyAdd(p, r, constant(C2));
  p = f32x4.add(fusedMultiplyAdd(f32x4.mul(r, r), p, r), constant(ONE));
  const power = i32x4.shl(i32x4.add(shifted, constant(EXPONENT_BIAS)), 23);
  return v128.andnot(f32x4.mul(p, power), f32x4.lt(x, constant(LEAST)));
}

const LEAST: usize = memory.data<f32>([-87.33654]);
const MOST: usize = memory.data<f32>([88.37]);
const LOG2_E: usize = memory.data<f32>([1.44269504088896341]);
const ROUNDER: usize = memory.data<f32>([12582912]);
const LN2_HIGH: usize = memory.data<f32>([-0.693359375]);
const LN2_LOW: usize = memory.data<f32>([2.12194440054690583e-4]);
const ONE: usize = memory.data<f32>([1]);
const EXPONENT_BIAS: usize = memory.data<i32>([127]);
const C7: usize = memory.data<f32>([1.98756915e-4]);
const C6: usize = memory.data<f32>([1.3981999507e-3]);
const C5: usize = memory.data<f32>([8.3334519073e-3]);
const C4: usize = memory.data<f32>([4.1665795894e-2]);
const C3: usize = memory.data<f32>([1.6666665459e-1]);
const C2: usize = memory.data<f32>([5.0000001201e-1]);
