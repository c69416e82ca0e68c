/** An activation's value and slope. Types stand for the activations, so that the compiler makes one loop for each. */
import { constant } from './constant';
import { exp4 } from './exp';
import { splat } from './format';
import { fusedMultiplyAdd } from './fused';

export type Gelu = i8;
export type Silu = i16;
export type Relu = i32;
export type SquaredRelu = i64;

/** 0.5 x (1 + tanh u) is x times the logistic function of 2 u. */
export function valueOf<K>(x: v128): v128 {
  if (sizeof<K>() == sizeof<Gelu>()) return f32x4.mul(x, logisticOfMinus(minusTwiceTanhArgument(x)));
  if (sizeof<K>() == sizeof<Silu>()) return f32x4.mul(x, logisticOfMinus(f32x4.sub(splat(0), x)));
  const positive = f32x4.pmax(x, splat(0));
  return sizeof<K>() == sizeof<Relu>() ? positive : f32x4.mul(positive, positive);
}

/** The derivative of a logistic function s is s (1 - s) times that of its argument. */
export function slopeOf<K>(x: v128): v128 {
  if (sizeof<K>() == sizeof<Relu>()) return v128.and(f32x4.gt(x, splat(0)), constant(ONE));
  if (sizeof<K>() == sizeof<SquaredRelu>()) {
    const positive = f32x4.pmax(x, splat(0));
    return f32x4.add(positive, positive);
  }
  const minus = sizeof<K>() == sizeof<Gelu>() ? minusTwiceTanhArgument(x) : f32x4.sub(splat(0), x);
  const share = logisticOfMinus(minus);
  const bend = f32x4.mul(x, f32x4.mul(share, f32x4.sub(constant(ONE), share)));
  if (sizeof<K>() == sizeof<Silu>()) return f32x4.add(share, bend);
  const inner = fusedMultiplyAdd(constant(SLOPE), f32x4.mul(x, x), constant(ROOT));
  return fusedMultiplyAdd(bend, inner, share);
}

function logisticOfMinus(x: v128): v128 {
  return f32x4.div(constant(ONE), f32x4.add(constant(ONE), exp4(x)));
}

function minusTwiceTanhArgument(x: v128): v128 {
  return f32x4.mul(x, f32x4.sub(f32x4.mul(constant(MINUS_CUBIC), f32x4.mul(x, x)), constant(ROOT)));
}

const ONE: usize = memory.data<f32>([1]);
/** 2 sqrt(2 / pi), and that times the cubic term 0.044715 of GELU's tanh form (Hendrycks and Gimpel 2016) and 3 times it. */
const ROOT: usize = memory.data<f32>([1.5957691216057308]);
const MINUS_CUBIC: usize = memory.data<f32>([-0.07135481627260025]);
const SLOPE: usize = memory.data<f32>([0.21406444881780075]);
