/** Joins attention over two sets of keys, as context parallelism meets them one after the other. */
import { read1, read4, write4, writeSome } from './inline/format';

export function attentionMergeFp32(
  a: usize,
  aSums: usize,
  b: usize,
  bSums: usize,
  to: usize,
  toSums: usize,
  rows: i32,
  width: i32,
): void {
  merge<f32>(a, aSums, b, bSums, to, toSums, rows, width);
}

export function attentionMergeBf16(
  a: usize,
  aSums: usize,
  b: usize,
  bSums: usize,
  to: usize,
  toSums: usize,
  rows: i32,
  width: i32,
): void {
  merge<u16>(a, aSums, b, bSums, to, toSums, rows, width);
}

/** `rows` outputs of `width` numbers, each with the logarithm of its sum: weighted by their shares of both sums together. */
function merge<T>(
  a: usize,
  aSums: usize,
  b: usize,
  bSums: usize,
  to: usize,
  toSums: usize,
  rows: i32,
  width: i32,
): void {
  for (let row = 0; row < rows; row++) {
    const sums = (<usize>row) << 2;
    const aSum = <f64>load<f32>(aSums + sums);
    const bSum = <f64>load<f32>(bSums + sums);
    const top = max(aSum, bSum);
    // Neither met a key: both outputs are 0, and any shares will do.
    const base = top == -Infinity ? 0 : top;
    const sum = base + Math.log(Math.exp(aSum - base) + Math.exp(bSum - base));
    const aShare: f32 = top == -Infinity ? 0 : <f32>Math.exp(aSum - sum);
    const bShare: f32 = top == -Infinity ? 0 : <f32>Math.exp(bSum - sum);
    store<f32>(toSums + sums, <f32>sum);
    const start = <usize>(row * width) * sizeof<T>();
    let i = 0;
    for (; i + 4 <= width; i += 4) {
      const offset = start + <usize>i * sizeof<T>();
      const first = f32x4.mul(f32x4.splat(aShare), read4<T>(a + offset));
      write4<T>(to + offset, f32x4.add(first, f32x4.mul(f32x4.splat(bShare), read4<T>(b + offset))));
    }
    for (; i < width; i++) {
      const offset = start + <usize>i * sizeof<T>();
      const value = aShare * read1<T>(a + offset) + bShare * read1<T>(b + offset);
      writeSome<T>(to + offset, f32x4.splat(value), 1);
    }
  }
}
