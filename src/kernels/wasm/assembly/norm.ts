/** LayerNorm and RMSNorm over rows; gains, biases and their gradients are fp32. Statistics are computed anew backward. */
import { bytesOf, read1, read4, readSome, splat, sumOfLanes, write4, writeSome } from './inline/format';

/** Types that stand for the norms, so that the compiler makes one loop for each. */
type LayerNorm = i8;
type RmsNorm = i16;

/** `perRow` norms of `hidden` elements stand side by side in a row; strides are elements between rows. */
export function layerNormForwardFp32(
  x: usize,
  gain: usize,
  bias: usize,
  y: usize,
  rows: i32,
  perRow: i32,
  hidden: i32,
  xStride: i32,
  yStride: i32,
  epsilon: f32,
): void {
  forward<f32, LayerNorm>(x, gain, bias, y, rows, perRow, hidden, xStride, yStride, epsilon);
}
export function layerNormForwardBf16(
  x: usize,
  gain: usize,
  bias: usize,
  y: usize,
  rows: i32,
  perRow: i32,
  hidden: i32,
  xStride: i32,
  yStride: i32,
  epsilon: f32,
): void {
  forward<u16, LayerNorm>(x, gain, bias, y, rows, perRow, hidden, xStride, yStride, epsilon);
}
export function rmsNormForwardFp32(
  x: usize,
  gain: usize,
  y: usize,
  rows: i32,
  perRow: i32,
  hidden: i32,
  xStride: i32,
  yStride: i32,
  epsilon: f32,
): void {
  forward<f32, RmsNorm>(x, gain, 0, y, rows, perRow, hidden, xStride, yStride, epsilon);
}
export function rmsNormForwardBf16(
  x: usize,
  gain: usize,
  y: usize,
  rows: i32,
  perRow: i32,
  hidden: i32,
  xStride: i32,
  yStride: i32,
  epsilon: f32,
): void {
  forward<u16, RmsNorm>(x, gain, 0, y, rows, perRow, hidden, xStride, yStride, epsilon);
}

/** Adds to the gradients of gain and bias; `dx` may be `dy`. The strides are of x, and of dy and dx. */
export function layerNormBackwardFp32(
  x: usize,
  gain: usize,
  dy: usize,
  dx: usize,
  dGain: usize,
  dBias: usize,
  rows: i32,
  perRow: i32,
  hidden: i32,
  xStride: i32,
  dStride: i32,
  epsilon: f32,
): void {
  backward<f32, LayerNorm>(x, gain, dy, dx, dGain, dBias, rows, perRow, hidden, xStride, dStride, epsilon);
}
export function layerNormBackwardBf16(
  x: usize,
  gain: usize,
  dy: usize,
  dx: usize,
  dGain: usize,
  dBias: usize,
  rows: i32,
  perRow: i32,
  hidden: i32,
  xStride: i32,
  dStride: i32,
  epsilon: f32,
): void {
  backward<u16, LayerNorm>(x, gain, dy, dx, dGain, dBias, rows, perRow, hidden, xStride, dStride, epsilon);
}
export function rmsNormBackwardFp32(
  x: usize,
  gain: usize,
  dy: usize,
  dx: usize,
  dGain: usize,
  rows: i32,
  perRow: i32,
  hidden: i32,
  xStride: i32,
  dStride: i32,
  epsilon: f32,
): void {
  backward<f32, RmsNorm>(x, gain, dy, dx, dGain, 0, rows, perRow, hidden, xStride, dStride, epsilon);
}
export function rmsNormBackwardBf16(
  x: usize,
  gain: usize,
  dy: usize,
  dx: usize,
  dGain: usize,
  rows: i32,
  perRow: i32,
  hidden: i32,
  xStride: i32,
  dStride: i32,
  epsilon: f32,
): void {
  backward<u16, RmsNorm>(x, gain, dy, dx, dGain, 0, rows, perRow, hidden, xStride, dStride, epsilon);
}

function forward<T, N>(
  x: usize,
  gain: usize,
  bias: usize,
  y: usize,
  rows: i32,
  perRow: i32,
  hidden: i32,
  xStride: i32,
  yStride: i32,
  epsilon: f32,
): void {
  for (let row = 0; row < rows; row++) {
    for (let head = 0; head < perRow; head++) {
      const from = x + bytesOf<T>(head * hidden);
      const to = y + bytesOf<T>(head * hidden);
      const mean: f32 = sizeof<N>() == sizeof<LayerNorm>() ? sumOf<T>(from, hidden) / <f32>hidden : 0;
      const scale = scaleOf<T>(from, hidden, mean, epsilon);
      let i = 0;
      for (; i + 4 <= hidden; i += 4) {
        const shift = sizeof<N>() == sizeof<LayerNorm>() ? v128.load(bias + bytesOf<f32>(i)) : splat(0);
        const normal = f32x4.mul(f32x4.sub(read4<T>(from + bytesOf<T>(i)), splat(mean)), splat(scale));
        const scaled = f32x4.mul(normal, v128.load(gain + bytesOf<f32>(i)));
        write4<T>(to + bytesOf<T>(i), sizeof<N>() == sizeof<LayerNorm>() ? f32x4.add(scaled, shift) : scaled);
      }
      if (i < hidden) {
        const rest = hidden - i;
        const shift = sizeof<N>() == sizeof<LayerNorm>() ? readSome<f32>(bias + bytesOf<f32>(i), rest) : splat(0);
        const normal = f32x4.mul(f32x4.sub(readSome<T>(from + bytesOf<T>(i), rest), splat(mean)), splat(scale));
        const scaled = f32x4.mul(normal, readSome<f32>(gain + bytesOf<f32>(i), rest));
        writeSome<T>(to + bytesOf<T>(i), f32x4.add(scaled, shift), rest);
      }
    }
    x += bytesOf<T>(xStride);
    y += bytesOf<T>(yStride);
  }
}

/**
 * With n = (x - mean) scale and a = dy gain: dx = scale (a - mean(a) - n mean(a n)), without mean(a) where nothing is
 * centred; the gradient of the gain is the sum of dy n over rows, of the bias that of dy.
 */
function backward<T, N>(
  x: usize,
  gain: usize,
  dy: usize,
  dx: usize,
  dGain: usize,
  dBias: usize,
  rows: i32,
  perRow: i32,
  hidden: i32,
  xStride: i32,
  dStride: i32,
  epsilon: f32,
): void {
  const share: f32 = 1 / <f32>hidden;
  const whole = hidden & ~3;
  for (let row = 0; row < rows; row++) {
    for (let head = 0; head < perRow; head++) {
      const from = x + bytesOf<T>(head * hidden);
      const above = dy + bytesOf<T>(head * hidden);
      const to = dx + bytesOf<T>(head * hidden);
      const mean: f32 = sizeof<N>() == sizeof<LayerNorm>() ? sumOf<T>(from, hidden) * share : 0;
      const scale = scaleOf<T>(from, hidden, mean, epsilon);
      let sums = splat(0);
      let products = splat(0);
      for (let i = 0; i < whole; i += 4) {
        const at = bytesOf<f32>(i);
        const normal = f32x4.mul(f32x4.sub(read4<T>(from + bytesOf<T>(i)), splat(mean)), splat(scale));
        const gradient = read4<T>(above + bytesOf<T>(i));
        const inner = f32x4.mul(gradient, v128.load(gain + at));
        if (sizeof<N>() == sizeof<LayerNorm>()) {
          sums = f32x4.add(sums, inner);
          v128.store(dBias + at, f32x4.add(v128.load(dBias + at), gradient));
        }
        products = f32x4.add(products, f32x4.mul(inner, normal));
        v128.store(dGain + at, f32x4.add(v128.load(dGain + at), f32x4.mul(gradient, normal)));
      }
      const rest = hidden - whole;
      if (rest > 0) {
        const at = bytesOf<f32>(whole);
        const normal = f32x4.mul(f32x4.sub(readSome<T>(from + bytesOf<T>(whole), rest), splat(mean)), splat(scale));
        const gradient = readSome<T>(above + bytesOf<T>(whole), rest);
        const inner = f32x4.mul(gradient, readSome<f32>(gain + at, rest));
        if (sizeof<N>() == sizeof<LayerNorm>()) {
          sums = f32x4.add(sums, inner);
          writeSome<f32>(dBias + at, f32x4.add(readSome<f32>(dBias + at, rest), gradient), rest);
        }
        products = f32x4.add(products, f32x4.mul(inner, normal));
        writeSome<f32>(dGain + at, f32x4.add(readSome<f32>(dGain + at, rest), f32x4.mul(gradient, normal)), rest);
      }
      const shift = splat(sumOfLanes(sums) * share);
      const tilt = splat(sumOfLanes(products) * share);
      for (let i = 0; i < whole; i += 4) {
        const normal = f32x4.mul(f32x4.sub(read4<T>(from + bytesOf<T>(i)), splat(mean)), splat(scale));
        const inner = f32x4.mul(read4<T>(above + bytesOf<T>(i)), v128.load(gain + bytesOf<f32>(i)));
        const moved = sizeof<N>() == sizeof<LayerNorm>() ? f32x4.sub(inner, shift) : inner;
        write4<T>(to + bytesOf<T>(i), f32x4.mul(f32x4.sub(moved, f32x4.mul(normal, tilt)), splat(scale)));
      }
      if (rest > 0) {
        const normal = f32x4.mul(f32x4.sub(readSome<T>(from + bytesOf<T>(whole), rest), splat(mean)), splat(scale));
        const inner = f32x4.mul(
          readSome<T>(above + bytesOf<T>(whole), rest),
          readSome<f32>(gain + bytesOf<f32>(whole), rest),
        );
        const moved = sizeof<N>() == sizeof<LayerNorm>() ? f32x4.sub(inner, shift) : inner;
        writeSome<T>(to + bytesOf<T>(whole), f32x4.mul(f32x4.sub(moved, f32x4.mul(normal, tilt)), splat(scale)), rest);
      }
    }
    x += bytesOf<T>(xStride);
    dy += bytesOf<T>(dStride);
    dx += bytesOf<T>(dStride);
  }
}

/** Two sums at a time, so that one addition need not wait for the one before it. */
function sumOf<T>(at: usize, count: i32): f32 {
  let even = splat(0);
  let odd = splat(0);
  let i = 0;
  for (; i + 8 <= count; i += 8) {
    even = f32x4.add(even, read4<T>(at + bytesOf<T>(i)));
    odd = f32x4.add(odd, read4<T>(at + bytesOf<T>(i + 4)));
  }
  for (; i + 4 <= count; i += 4) even = f32x4.add(even, read4<T>(at + bytesOf<T>(i)));
  if (i < count) odd = f32x4.add(odd, readSome<T>(at + bytesOf<T>(i), count - i));
  return sumOfLanes(f32x4.add(even, odd));
}

/** One over the deviation from `mean`. Squares are taken of differences: those of large means would cancel. */
function scaleOf<T>(at: usize, count: i32, mean: f32, epsilon: f32): f32 {
  const middle = splat(mean);
  let even = splat(0);
  let odd = splat(0);
  let i = 0;
  for (; i + 8 <= count; i += 8) {
    const a = f32x4.sub(read4<T>(at + bytesOf<T>(i)), middle);
    const b = f32x4.sub(read4<T>(at + bytesOf<T>(i + 4)), middle);
    even = f32x4.add(even, f32x4.mul(a, a));
    odd = f32x4.add(odd, f32x4.mul(b, b));
  }
  let sum = sumOfLanes(f32x4.add(even, odd));
  for (; i < count; i++) {
    const difference = read1<T>(at + bytesOf<T>(i)) - mean;
    sum += difference * difference;
  }
  return <f32>1 / sqrt<f32>(sum / <f32>count + epsilon);
}
