/** Operations that touch each element a few times and are bound by memory bandwidth. */
import type { Dtype } from '../dtype.ts';
import { bytes, flops } from '../../units/quantity.ts';
import type { OpCost } from './cost.ts';
import type { Columns, Positions } from './positions.ts';
import { elementCost } from './cost.ts';

/**
 * LayerNorm or RMSNorm over rows of `hidden`, with a gain and, for LayerNorm, a bias: y = (x - mean) / sqrt(variance +
 * epsilon) gain + bias, or x / sqrt(mean of squares + epsilon) gain.
 *
 *     forward    [x, gain, bias?] -> [y]
 *     backward   [x, gain, gradient of y] -> [gradient of x, gradient of gain, of bias?]; the last two are added to
 *
 * With `heads` several norms stand side by side in each row of wider tensors: forward [tensors, one of which holds x,
 * gain] -> [tensor that holds y], backward [those, gain, gradient] -> [gradient again, in place, gradient of gain].
 */
export interface Norm {
  readonly kind: 'norm';
  readonly norm: 'layernorm' | 'rmsnorm';
  readonly pass: 'forward' | 'backward';
  /** Of all norms: with `heads`, `perRow` for each row of the tensors. */
  readonly rows: number;
  readonly hidden: number;
  readonly epsilon: number;
  readonly dtype: Dtype;
  /** Norms a row, and where the first of them stands: x among the inputs; y, or its gradient, in the first output. */
  readonly heads: { readonly perRow: number; readonly from: Columns; readonly to: Columns } | null;
}
/**
 * Forward reads x, writes y. Backward reads x and dy, writes dx. About 5 FLOPs an element forward (mean, variance,
 * scale, shift), 4 without the mean, twice that backward.
 */
export const normCost = ({ norm, pass, rows, hidden, dtype }: Norm): OpCost => {
  const elements = rows * hidden;
  const work = (norm === 'layernorm' ? 5 : 4) * elements;
  return pass === 'forward'
    ? elementCost(dtype, { flops: work, read: elements, written: elements })
    : elementCost(dtype, { flops: 2 * work, read: 2 * elements, written: elements });
};

/**
 * The MLP's non-linearity on rows of `width` outputs, `elements` in all. A gated one reads rows [gate, up] twice as wide and
 * makes activation(gate) up. A weighted one multiplies row i by weight i in fp32. GELU is its tanh form.
 *
 *     forward    [x, weights?] -> [y]
 *     backward   [x, weights?, gradient of y] -> [gradient of x, gradient of the weights?]
 */
export interface Activation {
  readonly kind: 'activation';
  readonly activation: 'gelu' | 'silu' | 'relu' | 'squared-relu';
  readonly gated: boolean;
  readonly pass: 'forward' | 'backward';
  readonly elements: number;
  readonly width: number;
  readonly weighted: boolean;
  readonly dtype: Dtype;
}
const ACTIVATION_FLOPS = { gelu: 8, silu: 4, relu: 1, 'squared-relu': 2 } as const;
/** Forward: inputs in, one output; backward: inputs and the output's gradient in, inputs' gradients out. */
export const activationCost = ({ activation, gated, pass, elements, dtype }: Activation): OpCost => {
  const inputs = gated ? 2 : 1;
  const work = (ACTIVATION_FLOPS[activation] + (gated ? 1 : 0)) * elements;
  return pass === 'forward'
    ? elementCost(dtype, { flops: work, read: inputs * elements, written: elements })
    : elementCost(dtype, { flops: 2 * work, read: (inputs + 1) * elements, written: inputs * elements });
};

/**
 * Residual addition, with the bias and the dropout of the branch fused in (as Megatron-LM does) when it has them:
 * [branch, residual, bias?] -> [sum, mask?]. Backward, with dropout only: [gradient, mask] -> [gradient of the branch].
 */
export interface Residual {
  readonly kind: 'residual';
  readonly pass: 'forward' | 'backward';
  readonly elements: number;
  readonly dropout: boolean;
  /** True when a bias, one a column, is added to every row of the branch. */
  readonly bias: boolean;
  readonly dtype: Dtype;
}
/** Forward: branch and residual in, sum out, and a mask of one byte an element. Backward: only dropout has work. */
export const residualCost = ({ pass, elements, dropout, dtype }: Residual): OpCost => {
  const mask = dropout ? elements : 0;
  if (pass === 'backward' && !dropout) return { flops: flops(0), traffic: bytes(0) };
  const plain = elementCost(dtype, {
    flops: elements,
    read: pass === 'forward' ? 2 * elements : elements,
    written: elements,
  });
  return { flops: plain.flops, traffic: bytes(plain.traffic + mask) };
};

/** Sums two gradients of one tensor, or a received segment into a local one: [a, b] -> [a + b], in place of a or not. */
export interface Add {
  readonly kind: 'add';
  readonly elements: number;
  readonly dtype: Dtype;
}
export const addCost = ({ elements, dtype }: Add): OpCost =>
  elementCost(dtype, { flops: elements, read: 2 * elements, written: elements });

/**
 * Adds a received segment into a local one within a collective, [sum, term] -> [sum], or copies it, [from] -> [to].
 * It costs nothing by itself: the achieved bandwidth of
 * the links was measured with the additions.
 */
export interface Accumulate {
  readonly kind: 'accumulate';
  readonly elements: number;
  readonly dtype: Dtype;
}
export const accumulate = (elements: number, dtype: Dtype): Accumulate => ({ kind: 'accumulate', elements, dtype });
export const accumulateCost = (): OpCost => ({ flops: flops(0), traffic: bytes(0) });

/**
 * Rotates queries and keys by their position (Su et al. 2021), in place, [tensors] -> [the same]; backward rotates the
 * gradients back. Pair i of a head is its elements i and i + headDim / 2, turned by position base^(-2 i / headDim).
 */
export interface Rope {
  readonly kind: 'rope';
  readonly elements: number;
  /** Heads that are rotated in each tensor, from its first column on, of `headDim` elements. */
  readonly heads: readonly number[];
  readonly headDim: number;
  readonly base: number;
  readonly isInverse: boolean;
  readonly at: Positions;
  readonly dtype: Dtype;
}
export const ropeCost = ({ elements, dtype }: Rope): OpCost =>
  elementCost(dtype, { flops: 3 * elements, read: elements, written: elements });

/** Scale, causal mask and softmax over rows of scores, fused; unfused attention only. */
export interface Softmax {
  readonly kind: 'softmax';
  readonly pass: 'forward' | 'backward';
  readonly rows: number;
  readonly columns: number;
  readonly dtype: Dtype;
}
export const softmaxCost = ({ pass, rows, columns, dtype }: Softmax): OpCost => {
  const elements = rows * columns;
  return elementCost(dtype, {
    flops: 5 * elements,
    read: (pass === 'forward' ? 1 : 2) * elements,
    written: elements,
  });
};

/** Dropout by itself: forward writes the result and a mask of one byte an element, backward reads it. */
export interface Dropout {
  readonly kind: 'dropout';
  readonly elements: number;
  readonly dtype: Dtype;
}
export const dropoutCost = ({ elements, dtype }: Dropout): OpCost => {
  const plain = elementCost(dtype, { flops: elements, read: elements, written: elements });
  return { flops: plain.flops, traffic: bytes(plain.traffic + elements) };
};

/** Adds a gradient's rows, [gradients side by side], to a bias's gradient, [gradient]. Adding the bias itself is fused into the multiplication before it. */
export interface BiasGradient {
  readonly kind: 'bias-gradient';
  readonly rows: number;
  readonly columns: number;
  readonly dtype: Dtype;
}
export const biasGradientCost = ({ rows, columns, dtype }: BiasGradient): OpCost =>
  elementCost(dtype, { flops: rows * columns, read: rows * columns, written: columns });

/** Makes a copy in another format, [from] -> [to]: fp8 operands of a matrix multiplication, or a gradient for another stage. */
export interface Cast {
  readonly kind: 'cast';
  readonly elements: number;
  readonly from: Dtype;
  readonly to: Dtype;
}
export const castCost = ({ elements, from, to }: Cast): OpCost => ({
  flops: flops(2 * elements),
  traffic: bytes(
    elementCost(from, { flops: 0, read: elements, written: 0 }).traffic +
      elementCost(to, { flops: 0, read: 0, written: elements }).traffic,
  ),
});
