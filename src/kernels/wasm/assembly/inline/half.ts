/** fp16 in the lower half of each lane, and fp32. */
import { splat } from './format';

/**
 * The exponent's bias changes by a multiplication with 2^112, which is exact and makes numbers of subnormals too; the
 * largest exponent is infinity and NaN.
 */
export function fromFp16(bits: v128): v128 {
  const magnitude = i32x4.shl(v128.and(bits, i32x4.splat(0x7fff)), 13);
  const finite = f32x4.mul(magnitude, splat(reinterpret<f32>(0x77800000)));
  const isFinite = i32x4.lt_s(magnitude, i32x4.splat(0x0f800000));
  const other = v128.or(magnitude, i32x4.splat(0x7f800000));
  const sign = i32x4.shl(v128.and(bits, i32x4.splat(0x8000)), 16);
  return v128.or(v128.bitselect(finite, other, isFinite), sign);
}

/**
 * A normal number is rounded in its bits, where a carry goes on into the exponent as it must. Below 2^-14 the addition of
 * 0.5 leaves of the number what a subnormal can say, rounded by the addition itself. From 65520 on it is infinity.
 */
export function toFp16(value: v128): v128 {
  const magnitude = v128.and(value, i32x4.splat(0x7fffffff));
  const odd = v128.and(v128.shr<u32>(magnitude, 13), i32x4.splat(1));
  const moved = i32x4.add(magnitude, i32x4.splat(<i32>0xc8000fff));
  const normal = v128.shr<u32>(i32x4.add(moved, odd), 13);
  const small = i32x4.sub(f32x4.add(magnitude, splat(0.5)), splat(0.5));
  const isSmall = i32x4.lt_s(magnitude, i32x4.splat(0x38800000));
  const finite = v128.bitselect(small, normal, isSmall);
  const isLarge = i32x4.ge_s(magnitude, i32x4.splat(0x477ff000));
  const isNaN = i32x4.gt_s(magnitude, i32x4.splat(0x7f800000));
  const large = v128.bitselect(i32x4.splat(0x7e00), i32x4.splat(0x7c00), isNaN);
  const sign = v128.and(v128.shr<u32>(value, 16), i32x4.splat(0x8000));
  return v128.or(v128.bitselect(large, finite, isLarge), sign);
}
