/** Copies in another number format, to the nearest value and to the even one of two as near. */
import { bytesOf, read4, readSome, splat, write4, writeSome } from './inline/format';
import { fromFp16, toFp16 } from './inline/half';

export function fp32FromBf16(from: usize, to: usize, elements: i32): void {
  let i = 0;
  for (; i + 4 <= elements; i += 4) v128.store(to + bytesOf<f32>(i), read4<u16>(from + bytesOf<u16>(i)));
  const rest = elements - i;
  if (rest > 0) writeSome<f32>(to + bytesOf<f32>(i), readSome<u16>(from + bytesOf<u16>(i), rest), rest);
}

export function bf16FromFp32(from: usize, to: usize, elements: i32): void {
  let i = 0;
  for (; i + 4 <= elements; i += 4) write4<u16>(to + bytesOf<u16>(i), v128.load(from + bytesOf<f32>(i)));
  const rest = elements - i;
  if (rest > 0) writeSome<u16>(to + bytesOf<u16>(i), readSome<f32>(from + bytesOf<f32>(i), rest), rest);
}

export function fp32FromFp16(from: usize, to: usize, elements: i32): void {
  let i = 0;
  for (; i + 4 <= elements; i += 4)
    v128.store(to + bytesOf<f32>(i), fromFp16(v128.load_ext<u16>(from + bytesOf<u16>(i))));
  for (; i < elements; i++) {
    const bits = i32x4.splat(<i32>load<u16>(from + bytesOf<u16>(i)));
    v128.store_lane<f32>(to + bytesOf<f32>(i), fromFp16(bits), 0);
  }
}

export function fp16FromFp32(from: usize, to: usize, elements: i32): void {
  let i = 0;
  for (; i + 4 <= elements; i += 4) {
    const halves = toFp16(v128.load(from + bytesOf<f32>(i)));
    v128.store_lane<u64>(to + bytesOf<u16>(i), v128.shuffle<u16>(halves, halves, 0, 2, 4, 6, 0, 2, 4, 6), 0);
  }
  for (; i < elements; i++) {
    v128.store_lane<u16>(to + bytesOf<u16>(i), toFp16(splat(load<f32>(from + bytesOf<f32>(i)))), 0);
  }
}
