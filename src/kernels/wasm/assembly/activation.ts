/** The non-linearities of an MLP, gated or not, weighted or not: GELU in its tanh form, SiLU, ReLU and squared ReLU. */
import { Gelu, Relu, Silu, SquaredRelu, slopeOf, valueOf } from './inline/activation-curve';
import {
  bytesOf,
  read4,
  readLast,
  readSome,
  splat,
  sumOfLanes,
  write4,
  write8,
  writeLast,
  writeSome,
} from './inline/format';

const GELU: i32 = 0;
const SILU: i32 = 1;
const RELU: i32 = 2;
/** `kind` is the activation's place in gelu, silu, relu, squared-relu; `weights` are fp32, one a row, or 0 for none. */
export function activationForwardFp32(
  kind: i32,
  gated: bool,
  x: usize,
  weights: usize,
  y: usize,
  rows: i32,
  width: i32,
): void {
  forward<f32>(kind, gated, x, weights, y, rows, width);
}
export function activationForwardBf16(
  kind: i32,
  gated: bool,
  x: usize,
  weights: usize,
  y: usize,
  rows: i32,
  width: i32,
): void {
  forward<u16>(kind, gated, x, weights, y, rows, width);
}
export function activationBackwardFp32(
  kind: i32,
  gated: bool,
  x: usize,
  weights: usize,
  dy: usize,
  dx: usize,
  dWeights: usize,
  rows: i32,
  width: i32,
): void {
  backward<f32>(kind, gated, x, weights, dy, dx, dWeights, rows, width);
}
export function activationBackwardBf16(
  kind: i32,
  gated: bool,
  x: usize,
  weights: usize,
  dy: usize,
  dx: usize,
  dWeights: usize,
  rows: i32,
  width: i32,
): void {
  backward<u16>(kind, gated, x, weights, dy, dx, dWeights, rows, width);
}

function forward<T>(kind: i32, gated: bool, x: usize, weights: usize, y: usize, rows: i32, width: i32): void {
  const step = bytesOf<T>(gated ? 2 * width : width);
  for (let row = 0; row < rows; row++) {
    const weight: f32 = weights == 0 ? 1 : load<f32>(weights + bytesOf<f32>(row));
    if (kind == GELU) forwardRow<T, Gelu>(gated, x, y, width, weight);
    else if (kind == SILU) forwardRow<T, Silu>(gated, x, y, width, weight);
    else if (kind == RELU) forwardRow<T, Relu>(gated, x, y, width, weight);
    else forwardRow<T, SquaredRelu>(gated, x, y, width, weight);
    x += step;
    y += bytesOf<T>(width);
  }
}

function forwardRow<T, K>(gated: bool, x: usize, y: usize, width: i32, weight: f32): void {
  const half = bytesOf<T>(width);
  const next = bytesOf<T>(4);
  const factor = splat(weight);
  let i = 0;
  // Two loops: a condition within would cost a fifth.
  if (gated) {
    for (; i + 8 <= width; i += 8) {
      const at = bytesOf<T>(i);
      const low = f32x4.mul(valueOf<K>(read4<T>(x + at)), read4<T>(x + half + at));
      const high = f32x4.mul(valueOf<K>(read4<T>(x + at + next)), read4<T>(x + half + at + next));
      write8<T>(y + at, f32x4.mul(low, factor), f32x4.mul(high, factor));
    }
  } else {
    for (; i + 8 <= width; i += 8) {
      const at = bytesOf<T>(i);
      const low = f32x4.mul(valueOf<K>(read4<T>(x + at)), factor);
      const high = f32x4.mul(valueOf<K>(read4<T>(x + at + next)), factor);
      write8<T>(y + at, low, high);
    }
  }
  for (; i < width; i += 4) {
    const at = bytesOf<T>(i);
    const left = width - i;
    let value = valueOf<K>(readLast<T>(x + at, left));
    if (gated) value = f32x4.mul(value, readLast<T>(x + half + at, left));
    writeLast<T>(y + at, f32x4.mul(value, factor), left);
  }
}

function backward<T>(
  kind: i32,
  gated: bool,
  x: usize,
  weights: usize,
  dy: usize,
  dx: usize,
  dWeights: usize,
  rows: i32,
  width: i32,
): void {
  const step = bytesOf<T>(gated ? 2 * width : width);
  for (let row = 0; row < rows; row++) {
    const weight: f32 = weights == 0 ? 1 : load<f32>(weights + bytesOf<f32>(row));
    let sum: f32 = 0;
    if (kind == GELU) sum = backwardRow<T, Gelu>(gated, x, dy, dx, width, weight);
    else if (kind == SILU) sum = backwardRow<T, Silu>(gated, x, dy, dx, width, weight);
    else if (kind == RELU) sum = backwardRow<T, Relu>(gated, x, dy, dx, width, weight);
    else sum = backwardRow<T, SquaredRelu>(gated, x, dy, dx, width, weight);
    if (weights != 0) store<f32>(dWeights + bytesOf<f32>(row), sum);
    x += step;
    dx += step;
    dy += bytesOf<T>(width);
  }
}

/** Returns the gradient of the row's weight: the sum of dy times what the weight multiplies. */
function backwardRow<T, K>(gated: bool, x: usize, dy: usize, dx: usize, width: i32, weight: f32): f32 {
  const half = bytesOf<T>(width);
  const factor = splat(weight);
  let sums = splat(0);
  let i = 0;
  if (gated) {
    for (; i + 4 <= width; i += 4) {
      const at = bytesOf<T>(i);
      const gate = read4<T>(x + at);
      const up = read4<T>(x + half + at);
      const plain = read4<T>(dy + at);
      const gradient = f32x4.mul(plain, factor);
      const value = valueOf<K>(gate);
      sums = f32x4.add(sums, f32x4.mul(plain, f32x4.mul(value, up)));
      write4<T>(dx + at, f32x4.mul(f32x4.mul(gradient, up), slopeOf<K>(gate)));
      write4<T>(dx + half + at, f32x4.mul(gradient, value));
    }
  } else {
    for (; i + 8 <= width; i += 8) {
      const at = bytesOf<T>(i);
      const next = bytesOf<T>(4);
      const low = read4<T>(x + at);
      const high = read4<T>(x + at + next);
      const dLow = read4<T>(dy + at);
      const dHigh = read4<T>(dy + at + next);
      const products = f32x4.add(f32x4.mul(dLow, valueOf<K>(low)), f32x4.mul(dHigh, valueOf<K>(high)));
      sums = f32x4.add(sums, products);
      const toLow = f32x4.mul(f32x4.mul(dLow, factor), slopeOf<K>(low));
      const toHigh = f32x4.mul(f32x4.mul(dHigh, factor), slopeOf<K>(high));
      write8<T>(dx + at, toLow, toHigh);
    }
  }
  for (; i < width; i += 4) {
    const at = bytesOf<T>(i);
    const left = width - i;
    const gate = readLast<T>(x + at, left);
    const up = gated ? readLast<T>(x + half + at, left) : splat(1);
    const plain = readLast<T>(dy + at, left);
    const gradient = f32x4.mul(plain, factor);
    const value = valueOf<K>(gate);
    sums = f32x4.add(sums, f32x4.mul(plain, f32x4.mul(value, up)));
    writeLast<T>(dx + at, f32x4.mul(f32x4.mul(gradient, up), slopeOf<K>(gate)), left);
    if (gated) writeLast<T>(dx + half + at, f32x4.mul(gradient, value), left);
  }
  return sumOfLanes(sums);
}
