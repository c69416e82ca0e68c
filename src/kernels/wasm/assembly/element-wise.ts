/** What touches each element once: sums, a residual with its bias, rotary positions, the gradient of a bias. */
import { bytesOf, read4, readSome, splat, write4, writeSome } from './inline/format';

/** sum = a + b; `sum` may be either of them. */
export function addFp32(a: usize, b: usize, sum: usize, elements: i32): void {
  add<f32>(a, b, sum, elements);
}
export function addBf16(a: usize, b: usize, sum: usize, elements: i32): void {
  add<u16>(a, b, sum, elements);
}
/** sum = branch + bias + residual, where every row of the branch has the same bias, in fp32. */
export function residualFp32(branch: usize, residual: usize, bias: usize, sum: usize, rows: i32, columns: i32): void {
  addBiased<f32>(branch, residual, bias, sum, rows, columns);
}
export function residualBf16(branch: usize, residual: usize, bias: usize, sum: usize, rows: i32, columns: i32): void {
  addBiased<u16>(branch, residual, bias, sum, rows, columns);
}
/**
 * Turns the first `heads` heads of each row in place. `angles` are rows of the cosines of a position and the sines behind
 * them, in fp32; `sign` is 1, or -1 to turn back.
 */
export function ropeFp32(x: usize, angles: usize, rows: i32, stride: i32, heads: i32, headDim: i32, sign: f32): void {
  rope<f32>(x, angles, rows, stride, heads, headDim, sign);
}
export function ropeBf16(x: usize, angles: usize, rows: i32, stride: i32, heads: i32, headDim: i32, sign: f32): void {
  rope<u16>(x, angles, rows, stride, heads, headDim, sign);
}
/** Adds the rows of a gradient to the fp32 gradient of a bias. */
export function biasGradientFp32(gradient: usize, sum: usize, rows: i32, columns: i32): void {
  addRows<f32>(gradient, sum, rows, columns);
}
export function biasGradientBf16(gradient: usize, sum: usize, rows: i32, columns: i32): void {
  addRows<u16>(gradient, sum, rows, columns);
}
/** Adds an fp32 bias to the first `columns` of each row, in place. */
export function addBias(x: usize, stride: i32, bias: usize, rows: i32, columns: i32): void {
  for (let row = 0; row < rows; row++) {
    add<f32>(x, bias, x, columns);
    x += bytesOf<f32>(stride);
  }
}

function add<T>(a: usize, b: usize, sum: usize, elements: i32): void {
  let i = 0;
  for (; i + 8 <= elements; i += 8) {
    const at = bytesOf<T>(i);
    const next = bytesOf<T>(4);
    const first = f32x4.add(read4<T>(a + at), read4<T>(b + at));
    const second = f32x4.add(read4<T>(a + at + next), read4<T>(b + at + next));
    write4<T>(sum + at, first);
    write4<T>(sum + at + next, second);
  }
  for (; i + 4 <= elements; i += 4) {
    const at = bytesOf<T>(i);
    write4<T>(sum + at, f32x4.add(read4<T>(a + at), read4<T>(b + at)));
  }
  const rest = elements - i;
  if (rest == 0) return;
  const at = bytesOf<T>(i);
  writeSome<T>(sum + at, f32x4.add(readSome<T>(a + at, rest), readSome<T>(b + at, rest)), rest);
}

function addBiased<T>(branch: usize, residual: usize, bias: usize, sum: usize, rows: i32, columns: i32): void {
  for (let row = 0; row < rows; row++) {
    let i = 0;
    for (; i + 4 <= columns; i += 4) {
      const at = bytesOf<T>(i);
      const biased = f32x4.add(read4<T>(branch + at), v128.load(bias + bytesOf<f32>(i)));
      write4<T>(sum + at, f32x4.add(biased, read4<T>(residual + at)));
    }
    const rest = columns - i;
    if (rest > 0) {
      const at = bytesOf<T>(i);
      const biased = f32x4.add(readSome<T>(branch + at, rest), readSome<f32>(bias + bytesOf<f32>(i), rest));
      writeSome<T>(sum + at, f32x4.add(biased, readSome<T>(residual + at, rest)), rest);
    }
    branch += bytesOf<T>(columns);
    residual += bytesOf<T>(columns);
    sum += bytesOf<T>(columns);
  }
}

function rope<T>(x: usize, angles: usize, rows: i32, stride: i32, heads: i32, headDim: i32, sign: f32): void {
  const half = headDim >> 1;
  for (let row = 0; row < rows; row++) {
    for (let head = 0; head < heads; head++) turn<T>(x + bytesOf<T>(head * headDim), angles, half, sign);
    x += bytesOf<T>(stride);
    angles += bytesOf<f32>(headDim);
  }
}

/** Pair i is elements i and i + half: (a, b) becomes (a cos - b sin, a sin + b cos). */
function turn<T>(x: usize, angles: usize, half: i32, sign: f32): void {
  const y = x + bytesOf<T>(half);
  let i = 0;
  for (; i + 4 <= half; i += 4) {
    const at = bytesOf<T>(i);
    const cosine = v128.load(angles + bytesOf<f32>(i));
    const sine = f32x4.mul(v128.load(angles + bytesOf<f32>(half + i)), splat(sign));
    const a = read4<T>(x + at);
    const b = read4<T>(y + at);
    write4<T>(x + at, f32x4.sub(f32x4.mul(a, cosine), f32x4.mul(b, sine)));
    write4<T>(y + at, f32x4.add(f32x4.mul(a, sine), f32x4.mul(b, cosine)));
  }
  const rest = half - i;
  if (rest == 0) return;
  const at = bytesOf<T>(i);
  const cosine = readSome<f32>(angles + bytesOf<f32>(i), rest);
  const sine = f32x4.mul(readSome<f32>(angles + bytesOf<f32>(half + i), rest), splat(sign));
  const a = readSome<T>(x + at, rest);
  const b = readSome<T>(y + at, rest);
  writeSome<T>(x + at, f32x4.sub(f32x4.mul(a, cosine), f32x4.mul(b, sine)), rest);
  writeSome<T>(y + at, f32x4.add(f32x4.mul(a, sine), f32x4.mul(b, cosine)), rest);
}

/** Four rows at a time, so that the sum is read and written once for all of them. */
function addRows<T>(gradient: usize, sum: usize, rows: i32, columns: i32): void {
  const step = bytesOf<T>(columns);
  let row = 0;
  for (; row + 4 <= rows; row += 4) {
    let i = 0;
    for (; i + 4 <= columns; i += 4) {
      const from = gradient + bytesOf<T>(i);
      const to = sum + bytesOf<f32>(i);
      const first = f32x4.add(read4<T>(from), read4<T>(from + step));
      const second = f32x4.add(read4<T>(from + 2 * step), read4<T>(from + 3 * step));
      v128.store(to, f32x4.add(v128.load(to), f32x4.add(first, second)));
    }
    const rest = columns - i;
    if (rest > 0) {
      const from = gradient + bytesOf<T>(i);
      const to = sum + bytesOf<f32>(i);
      const first = f32x4.add(readSome<T>(from, rest), readSome<T>(from + step, rest));
      const second = f32x4.add(readSome<T>(from + 2 * step, rest), readSome<T>(from + 3 * step, rest));
      writeSome<f32>(to, f32x4.add(readSome<f32>(to, rest), f32x4.add(first, second)), rest);
    }
    gradient += 4 * step;
  }
  for (; row < rows; row++) {
    addMixed<T>(gradient, sum, columns);
    gradient += step;
  }
}

/** Adds elements of any format to an fp32 sum; an embedding's backward pass does it a row at a time. */
function addMixed<T>(term: usize, sum: usize, elements: i32): void {
  let i = 0;
  for (; i + 4 <= elements; i += 4) {
    const to = sum + bytesOf<f32>(i);
    v128.store(to, f32x4.add(v128.load(to), read4<T>(term + bytesOf<T>(i))));
  }
  const rest = elements - i;
  if (rest == 0) return;
  const to = sum + bytesOf<f32>(i);
  writeSome<f32>(to, f32x4.add(readSome<f32>(to, rest), readSome<T>(term + bytesOf<T>(i), rest)), rest);
}
