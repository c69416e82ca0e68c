/**
 * How row and element kernels read and write: four elements at a time, as fp32 in between, whether they stand in memory as
 * fp32 (T = f32) or as bf16 (T = u16), whose bits are the upper half of fp32's.
 */
import { constant } from './constant';

export function bytesOf<T>(elements: i32): usize {
  return (<usize>elements) << alignof<T>();
}

export function splat(value: f32): v128 {
  return f32x4.splat(value);
}

export function read4<T>(at: usize): v128 {
  if (sizeof<T>() == 4) return v128.load(at);
  return i32x4.shl(v128.load_ext<u16>(at), 16);
}

export function write4<T>(at: usize, value: v128): void {
  if (sizeof<T>() == 4) v128.store(at, value);
  else v128.store_lane<u64>(at, upperHalves(roundToBf16(value)), 0);
}

/** Eight elements; kernels with many constants read them once for all eight. */
export function write8<T>(at: usize, low: v128, high: v128): void {
  if (sizeof<T>() == 4) {
    v128.store(at, low);
    v128.store(at, high, 16);
  } else {
    const lows = v128.shr<u32>(roundToBf16(low), 16);
    const highs = v128.shr<u32>(roundToBf16(high), 16);
    v128.store(at, i16x8.narrow_i32x4_u(lows, highs));
  }
}

/** To the nearest, ties to even, in the upper half of each lane; all bits of a NaN are set, or rounding could lose it. */
export function roundToBf16(value: v128): v128 {
  const odd = v128.shr<u32>(i32x4.shl(value, 15), 31);
  const rounded = i32x4.add(i32x4.add(value, constant(BELOW_HALF)), odd);
  return v128.or(rounded, f32x4.ne(value, value));
}
const BELOW_HALF: usize = memory.data<i32>([0x7fff]);

function upperHalves(lanes: v128): v128 {
  const halves = v128.shr<u32>(lanes, 16);
  return i16x8.narrow_i32x4_u(halves, halves);
}

/** Four elements, or the last few if fewer are left. */
export function readLast<T>(at: usize, left: i32): v128 {
  return left < 4 ? readSome<T>(at, left) : read4<T>(at);
}
export function writeLast<T>(at: usize, lanes: v128, left: i32): void {
  if (left < 4) writeSome<T>(at, lanes, left);
  else write4<T>(at, lanes);
}

/** The 1 to 3 elements behind the last whole four; zeros in the other lanes. */
export function readSome<T>(at: usize, count: i32): v128 {
  let lanes = f32x4.replace_lane(splat(0), 0, read1<T>(at));
  if (count > 1) lanes = f32x4.replace_lane(lanes, 1, read1<T>(at + sizeof<T>()));
  if (count > 2) lanes = f32x4.replace_lane(lanes, 2, read1<T>(at + 2 * sizeof<T>()));
  return lanes;
}

export function writeSome<T>(at: usize, lanes: v128, count: i32): void {
  const bits = sizeof<T>() == 4 ? lanes : upperHalves(roundToBf16(lanes));
  v128.store_lane<T>(at, bits, 0);
  if (count > 1) v128.store_lane<T>(at + sizeof<T>(), bits, 1);
  if (count > 2) v128.store_lane<T>(at + 2 * sizeof<T>(), bits, 2);
}

export function read1<T>(at: usize): f32 {
  if (sizeof<T>() == 4) return load<f32>(at);
  return reinterpret<f32>((<u32>load<u16>(at)) << 16);
}

export function sumOfLanes(lanes: v128): f32 {
  return (
    f32x4.extract_lane(lanes, 0) +
    f32x4.extract_lane(lanes, 1) +
    (f32x4.extract_lane(lanes, 2) + f32x4.extract_lane(lanes, 3))
  );
}

export function maximumOfLanes(lanes: v128): f32 {
  return max(
    max(f32x4.extract_lane(lanes, 0), f32x4.extract_lane(lanes, 1)),
    max(f32x4.extract_lane(lanes, 2), f32x4.extract_lane(lanes, 3)),
  );
}
