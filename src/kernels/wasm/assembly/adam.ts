/** The optimizer's arithmetic: AdamW and plain descent, the norm of the gradients, and what clips them. */
import { bytesOf, read1, read4, readSome, splat, write4, writeSome } from './inline/format';

/**
 * AdamW (Loshchilov and Hutter 2019) on fp32 weights: m' = m + (1 - beta1) (g - m), v' = v + (1 - beta2) (g g - v),
 * w' = w keep - rate m' / (sqrt(v' / correction) + epsilon), where g is the gradient times `factor`, `keep` is 1 - learning
 * rate x decay, `rate` the learning rate over the first moment's correction and `inverse` one over the second's. `gain1`
 * and `gain2` are 1 - beta1 and 1 - beta2: rounded by themselves they are truer than from a rounded beta.
 */
export function adamFp32(
  gradient: usize,
  weight: usize,
  first: usize,
  second: usize,
  elements: i32,
  factor: f32,
  gain1: f32,
  gain2: f32,
  rate: f32,
  inverse: f32,
  epsilon: f32,
  keep: f32,
): void {
  adam<f32, f32>(gradient, weight, 0, first, second, elements, factor, gain1, gain2, rate, inverse, epsilon, keep);
}
export function adamBf16(
  gradient: usize,
  weight: usize,
  first: usize,
  second: usize,
  elements: i32,
  factor: f32,
  gain1: f32,
  gain2: f32,
  rate: f32,
  inverse: f32,
  epsilon: f32,
  keep: f32,
): void {
  adam<u16, f32>(gradient, weight, 0, first, second, elements, factor, gain1, gain2, rate, inverse, epsilon, keep);
}
/** The same on master weights, each rounded to its bf16 weight as soon as it is known. */
export function adamRoundingFp32(
  gradient: usize,
  master: usize,
  weight: usize,
  first: usize,
  second: usize,
  elements: i32,
  factor: f32,
  gain1: f32,
  gain2: f32,
  rate: f32,
  inverse: f32,
  epsilon: f32,
  keep: f32,
): void {
  adam<f32, u16>(gradient, master, weight, first, second, elements, factor, gain1, gain2, rate, inverse, epsilon, keep);
}
export function adamRoundingBf16(
  gradient: usize,
  master: usize,
  weight: usize,
  first: usize,
  second: usize,
  elements: i32,
  factor: f32,
  gain1: f32,
  gain2: f32,
  rate: f32,
  inverse: f32,
  epsilon: f32,
  keep: f32,
): void {
  adam<u16, u16>(gradient, master, weight, first, second, elements, factor, gain1, gain2, rate, inverse, epsilon, keep);
}
/** weight -= rate gradient, in fp32. */
export function descentFp32(gradient: usize, weight: usize, elements: i32, rate: f32): void {
  descend<f32>(gradient, weight, elements, rate);
}
export function descentBf16(gradient: usize, weight: usize, elements: i32, rate: f32): void {
  descend<u16>(gradient, weight, elements, rate);
}
/** In float64, always in the same order. */
export function squaredNormFp32(x: usize, elements: i32): f64 {
  return squares<f32>(x, elements);
}
export function squaredNormBf16(x: usize, elements: i32): f64 {
  return squares<u16>(x, elements);
}
/** `norm` is infinite where nothing is clipped; a sum that nobody asks for may be what it will. */
export function clipFactor(sum: usize, to: usize, norm: f64, scale: f64): void {
  const squared = <f64>load<f32>(sum);
  const isFinite = squared - squared == 0;
  const isFree = norm == Infinity && scale == 1;
  store<f32>(to, isFree ? 1 : isFinite ? <f32>min(1 / scale, norm / sqrt<f64>(squared)) : 0);
}

/** W is u16 where weights are rounded from what is updated. */
function adam<T, W>(
  gradient: usize,
  weight: usize,
  rounded: usize,
  first: usize,
  second: usize,
  elements: i32,
  factor: f32,
  gain1: f32,
  gain2: f32,
  rate: f32,
  inverse: f32,
  epsilon: f32,
  keep: f32,
): void {
  let i = 0;
  for (; i + 4 <= elements; i += 4) {
    const at = bytesOf<f32>(i);
    const g = f32x4.mul(read4<T>(gradient + bytesOf<T>(i)), splat(factor));
    const m = moment(v128.load(first + at), g, gain1);
    const v = moment(v128.load(second + at), f32x4.mul(g, g), gain2);
    const w = stepped(v128.load(weight + at), m, v, rate, inverse, epsilon, keep);
    v128.store(first + at, m);
    v128.store(second + at, v);
    v128.store(weight + at, w);
    if (sizeof<W>() == 2) write4<W>(rounded + bytesOf<W>(i), w);
  }
  const rest = elements - i;
  if (rest == 0) return;
  const at = bytesOf<f32>(i);
  const g = f32x4.mul(readSome<T>(gradient + bytesOf<T>(i), rest), splat(factor));
  const m = moment(readSome<f32>(first + at, rest), g, gain1);
  const v = moment(readSome<f32>(second + at, rest), f32x4.mul(g, g), gain2);
  const w = stepped(readSome<f32>(weight + at, rest), m, v, rate, inverse, epsilon, keep);
  writeSome<f32>(first + at, m, rest);
  writeSome<f32>(second + at, v, rest);
  writeSome<f32>(weight + at, w, rest);
  if (sizeof<W>() == 2) writeSome<W>(rounded + bytesOf<W>(i), w, rest);
}

function moment(old: v128, now: v128, gain: f32): v128 {
  return f32x4.add(old, f32x4.mul(splat(gain), f32x4.sub(now, old)));
}

function stepped(weight: v128, m: v128, v: v128, rate: f32, inverse: f32, epsilon: f32, keep: f32): v128 {
  const deviation = f32x4.add(f32x4.sqrt(f32x4.mul(v, splat(inverse))), splat(epsilon));
  return f32x4.sub(f32x4.mul(weight, splat(keep)), f32x4.div(f32x4.mul(splat(rate), m), deviation));
}

function descend<T>(gradient: usize, weight: usize, elements: i32, rate: f32): void {
  let i = 0;
  for (; i + 4 <= elements; i += 4) {
    const at = bytesOf<f32>(i);
    const change = f32x4.mul(read4<T>(gradient + bytesOf<T>(i)), splat(rate));
    v128.store(weight + at, f32x4.sub(v128.load(weight + at), change));
  }
  const rest = elements - i;
  if (rest == 0) return;
  const at = bytesOf<f32>(i);
  const change = f32x4.mul(readSome<T>(gradient + bytesOf<T>(i), rest), splat(rate));
  writeSome<f32>(weight + at, f32x4.sub(readSome<f32>(weight + at, rest), change), rest);
}

/** Squares of fp32 are exact in float64. Four sums, so that one addition need not wait for the one before it. */
function squares<T>(x: usize, elements: i32): f64 {
  let a = f64x2.splat(0);
  let b = a;
  let c = a;
  let d = a;
  let i = 0;
  for (; i + 8 <= elements; i += 8) {
    const low = read4<T>(x + bytesOf<T>(i));
    const high = read4<T>(x + bytesOf<T>(i + 4));
    a = f64x2.add(a, squared(low));
    b = f64x2.add(b, squared(otherHalf(low)));
    c = f64x2.add(c, squared(high));
    d = f64x2.add(d, squared(otherHalf(high)));
  }
  const sums = f64x2.add(f64x2.add(a, b), f64x2.add(c, d));
  let sum = f64x2.extract_lane(sums, 0) + f64x2.extract_lane(sums, 1);
  for (; i < elements; i++) {
    const value = <f64>read1<T>(x + bytesOf<T>(i));
    sum += value * value;
  }
  return sum;
}

function squared(lanes: v128): v128 {
  const wide = f64x2.promote_low_f32x4(lanes);
  return f64x2.mul(wide, wide);
}

function otherHalf(lanes: v128): v128 {
  return v128.shuffle<u64>(lanes, lanes, 1, 1);
}
