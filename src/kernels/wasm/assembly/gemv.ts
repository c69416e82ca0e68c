/** A row times a matrix: nothing is used twice, so nothing is packed and the matrix streams through once. */
import { read1, read4, sumOfLanes } from './inline/format';
import { fusedMultiplyAdd } from './inline/fused';

/** As in gemm.ts. */
const LEFT_TRANSPOSED: i32 = 1;
const RIGHT_TRANSPOSED: i32 = 2;
const ACCUMULATES: i32 = 4;
const LEFT_BF16: i32 = 8;
const RIGHT_BF16: i32 = 16;

/** Elements of the row that are widened into the scratch at a time. */
const BLOCK: i32 = 2048;

/** output [n] in fp32 (+)= left [k] x right [k, n], by the flags of `gemm`. */
export function gemv(
  flags: i32,
  n: i32,
  k: i32,
  left: usize,
  leftRow: i32,
  right: usize,
  rightRow: i32,
  output: usize,
  scratch: usize,
): void {
  if (!(flags & ACCUMULATES)) memory.fill(output, 0, (<usize>n) << 2);
  const step = flags & LEFT_TRANSPOSED ? leftRow : 1;
  for (let d = 0; d < k; d += BLOCK) {
    const depth = min(BLOCK, k - d);
    for (let i = 0; i < depth; i++) {
      const index = <usize>((d + i) * step);
      const value = flags & LEFT_BF16 ? read1<u16>(left + (index << 1)) : read1<f32>(left + (index << 2));
      store<f32>(scratch + ((<usize>i) << 2), value);
    }
    const elements = <usize>(flags & RIGHT_TRANSPOSED ? d : d * rightRow);
    if (flags & RIGHT_BF16) partOf<u16>(flags, n, depth, scratch, right + (elements << 1), rightRow, output);
    else partOf<f32>(flags, n, depth, scratch, right + (elements << 2), rightRow, output);
  }
}

function partOf<T>(flags: i32, n: i32, depth: i32, row: usize, right: usize, rightRow: i32, output: usize): void {
  if (flags & RIGHT_TRANSPOSED) addProducts<T>(n, depth, row, right, rightRow, output);
  else addRows<T>(n, depth, row, right, rightRow, output);
}

/** Adds multiples of the matrix's rows, four at a time. */
function addRows<T>(n: i32, depth: i32, row: usize, right: usize, rightRow: i32, output: usize): void {
  const rowBytes = <usize>rightRow * sizeof<T>();
  let d = 0;
  for (; d + 4 <= depth; d += 4) {
    const a0 = load<f32>(row);
    const a1 = load<f32>(row, 4);
    const a2 = load<f32>(row, 8);
    const a3 = load<f32>(row, 12);
    const r1 = right + rowBytes;
    const r2 = r1 + rowBytes;
    const r3 = r2 + rowBytes;
    let j = 0;
    for (; j + 4 <= n; j += 4) {
      const offset = <usize>j * sizeof<T>();
      const to = output + ((<usize>j) << 2);
      let sum = fusedMultiplyAdd(f32x4.splat(a0), read4<T>(right + offset), v128.load(to));
      sum = fusedMultiplyAdd(f32x4.splat(a1), read4<T>(r1 + offset), sum);
      sum = fusedMultiplyAdd(f32x4.splat(a2), read4<T>(r2 + offset), sum);
      v128.store(to, fusedMultiplyAdd(f32x4.splat(a3), read4<T>(r3 + offset), sum));
    }
    for (; j < n; j++) {
      const offset = <usize>j * sizeof<T>();
      const to = output + ((<usize>j) << 2);
      const two = a0 * read1<T>(right + offset) + a1 * read1<T>(r1 + offset);
      store<f32>(to, load<f32>(to) + (two + a2 * read1<T>(r2 + offset) + a3 * read1<T>(r3 + offset)));
    }
    row += 16;
    right += 4 * rowBytes;
  }
  for (; d < depth; d++) {
    const a = load<f32>(row);
    let j = 0;
    for (; j + 4 <= n; j += 4) {
      const to = output + ((<usize>j) << 2);
      v128.store(to, fusedMultiplyAdd(f32x4.splat(a), read4<T>(right + <usize>j * sizeof<T>()), v128.load(to)));
    }
    for (; j < n; j++) {
      const to = output + ((<usize>j) << 2);
      store<f32>(to, load<f32>(to) + a * read1<T>(right + <usize>j * sizeof<T>()));
    }
    row += 4;
    right += rowBytes;
  }
}

/** Adds the scalar products of the row with the rows of a transposed matrix, four at a time, in one vector of sums each. */
function addProducts<T>(n: i32, depth: i32, row: usize, right: usize, rightRow: i32, output: usize): void {
  const rowBytes = <usize>rightRow * sizeof<T>();
  let j = 0;
  for (; j + 4 <= n; j += 4) {
    let s0 = f32x4.splat(0);
    let s1 = f32x4.splat(0);
    let s2 = f32x4.splat(0);
    let s3 = f32x4.splat(0);
    let at = right;
    const twice = 2 * rowBytes;
    for (let d = 0; d + 4 <= depth; d += 4) {
      const a = v128.load(row + ((<usize>d) << 2));
      const next = at + rowBytes;
      s0 = fusedMultiplyAdd(a, read4<T>(at), s0);
      s1 = fusedMultiplyAdd(a, read4<T>(next), s1);
      s2 = fusedMultiplyAdd(a, read4<T>(at + twice), s2);
      s3 = fusedMultiplyAdd(a, read4<T>(next + twice), s3);
      at += 4 * sizeof<T>();
    }
    addSum<T>(s0, depth, row, right, output);
    addSum<T>(s1, depth, row, right + rowBytes, output + 4);
    addSum<T>(s2, depth, row, right + twice, output + 8);
    addSum<T>(s3, depth, row, right + twice + rowBytes, output + 12);
    output += 16;
    right += 2 * twice;
  }
  for (; j < n; j++) {
    let sum = f32x4.splat(0);
    for (let d = 0; d + 4 <= depth; d += 4) {
      const a = v128.load(row + ((<usize>d) << 2));
      sum = fusedMultiplyAdd(a, read4<T>(right + <usize>d * sizeof<T>()), sum);
    }
    addSum<T>(sum, depth, row, right, output);
    output += 4;
    right += rowBytes;
  }
}

/** Adds to one number of the output the lanes of a sum, and the terms behind the last whole four. */
function addSum<T>(lanes: v128, depth: i32, row: usize, right: usize, output: usize): void {
  let sum = sumOfLanes(lanes);
  for (let d = depth & ~3; d < depth; d++)
    sum += load<f32>(row + ((<usize>d) << 2)) * read1<T>(right + <usize>d * sizeof<T>());
  store<f32>(output, load<f32>(output) + sum);
}
