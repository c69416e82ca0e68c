/** Signatures of the compiled row and element kernels (`assembly/`, all files but those of the matrix kernels). */

/** The formats that kernels compute on as they stand; any other is made fp32 first. */
export type Format = 'fp32' | 'bf16';

/**
 * Each there is for tensors in fp32 and in bf16. Addresses are bytes, strides and counts are elements. Gains, biases,
 * weights of rows, angles, statistics, exponentials and every gradient that is added to are fp32 in both.
 */
export interface FormattedKernels {
  readonly layerNormForward: (
    ...of: [
      x: number,
      gain: number,
      bias: number,
      y: number,
      rows: number,
      perRow: number,
      hidden: number,
      xStride: number,
      yStride: number,
      epsilon: number,
    ]
  ) => void;
  readonly rmsNormForward: (
    ...of: [
      x: number,
      gain: number,
      y: number,
      rows: number,
      perRow: number,
      hidden: number,
      xStride: number,
      yStride: number,
      epsilon: number,
    ]
  ) => void;
  readonly layerNormBackward: (
    ...of: [
      x: number,
      gain: number,
      gradient: number,
      toInput: number,
      toGain: number,
      toBias: number,
      rows: number,
      perRow: number,
      hidden: number,
      xStride: number,
      gradientStride: number,
      epsilon: number,
    ]
  ) => void;
  readonly rmsNormBackward: (
    ...of: [
      x: number,
      gain: number,
      gradient: number,
      toInput: number,
      toGain: number,
      rows: number,
      perRow: number,
      hidden: number,
      xStride: number,
      gradientStride: number,
      epsilon: number,
    ]
  ) => void;
  /** `kind` is the place in `ACTIVATIONS`; `weights` is 0 where there are none. */
  readonly activationForward: (
    ...of: [kind: number, gated: number, x: number, weights: number, y: number, rows: number, width: number]
  ) => void;
  readonly activationBackward: (
    ...of: [
      kind: number,
      gated: number,
      x: number,
      weights: number,
      gradient: number,
      toInput: number,
      toWeights: number,
      rows: number,
      width: number,
    ]
  ) => void;
  readonly add: (...of: [a: number, b: number, sum: number, elements: number]) => void;
  readonly residual: (
    ...of: [branch: number, residual: number, bias: number, sum: number, rows: number, columns: number]
  ) => void;
  readonly rope: (
    ...of: [x: number, angles: number, rows: number, stride: number, heads: number, headDim: number, sign: number]
  ) => void;
  readonly biasGradient: (...of: [gradient: number, sum: number, rows: number, columns: number]) => void;
  /** `positions` is the row of the first token's position, 0 where none is added. */
  readonly embeddingForward: (
    ...of: [
      ids: number,
      table: number,
      positions: number,
      to: number,
      count: number,
      hidden: number,
      first: number,
      words: number,
    ]
  ) => void;
  readonly embeddingBackward: (
    ...of: [
      ids: number,
      gradient: number,
      table: number,
      positions: number,
      count: number,
      hidden: number,
      first: number,
      words: number,
    ]
  ) => void;
  readonly crossEntropyForward: (
    ...of: [
      logits: number,
      labels: number,
      exponentials: number,
      statistics: number,
      tokens: number,
      vocabulary: number,
      first: number,
      words: number,
    ]
  ) => void;
  readonly crossEntropyBackward: (
    ...of: [
      exponentials: number,
      scales: number,
      labels: number,
      to: number,
      tokens: number,
      vocabulary: number,
      first: number,
      words: number,
      weight: number,
    ]
  ) => void;
  /** The format is the gradient's; `assembly/adam.ts` has the formula and its letters. */
  readonly adam: (
    ...of: [
      gradient: number,
      weight: number,
      first: number,
      second: number,
      elements: number,
      factor: number,
      gain1: number,
      gain2: number,
      rate: number,
      inverse: number,
      epsilon: number,
      keep: number,
    ]
  ) => void;
  /** As `adam`, on masters, which it rounds to bf16 weights. */
  readonly adamRounding: (
    ...of: [
      gradient: number,
      master: number,
      weight: number,
      first: number,
      second: number,
      elements: number,
      factor: number,
      gain1: number,
      gain2: number,
      rate: number,
      inverse: number,
      epsilon: number,
      keep: number,
    ]
  ) => void;
  readonly descent: (...of: [gradient: number, weight: number, elements: number, rate: number]) => void;
  readonly squaredNorm: (x: number, elements: number) => number;
}

/** In the order that the activation kernels count them. */
export const ACTIVATIONS = ['gelu', 'silu', 'relu', 'squared-relu'] as const;

type InEachFormat<K> = { readonly [N in keyof K & string as `${N}Fp32` | `${N}Bf16`]: K[N] };
type Convert = (from: number, to: number, elements: number) => void;

export interface ElementKernels extends InEachFormat<FormattedKernels> {
  readonly addBias: (...of: [x: number, stride: number, bias: number, rows: number, columns: number]) => void;
  /** Statistics [ranks, 3, tokens]; adds the losses to `loss` and writes them to `total`. */
  readonly tokenLoss: (
    ...of: [
      statistics: number,
      loss: number,
      scales: number,
      total: number,
      tokens: number,
      ranks: number,
      self: number,
    ]
  ) => void;
  readonly clipFactor: (...of: [sum: number, to: number, norm: number, scale: number]) => void;
  readonly fp32FromBf16: Convert;
  readonly fp32FromFp16: Convert;
  readonly bf16FromFp32: Convert;
  readonly fp16FromFp32: Convert;
  readonly zero: (to: number, bytes: number) => void;
  readonly copyBytes: (from: number, to: number, bytes: number) => void;
  /** `bytes` in a row, along three axes of counts and of steps in bytes. */
  readonly copyRuns: (
    ...of: [
      from: number,
      to: number,
      bytes: number,
      count0: number,
      count1: number,
      count2: number,
      from0: number,
      from1: number,
      from2: number,
      to0: number,
      to1: number,
      to2: number,
    ]
  ) => void;
}

/** Leave a kernel out and it does not compile. */
const NAMES: Readonly<Record<keyof FormattedKernels, true>> = {
  layerNormForward: true,
  rmsNormForward: true,
  layerNormBackward: true,
  rmsNormBackward: true,
  activationForward: true,
  activationBackward: true,
  add: true,
  residual: true,
  rope: true,
  biasGradient: true,
  embeddingForward: true,
  embeddingBackward: true,
  crossEntropyForward: true,
  crossEntropyBackward: true,
  adam: true,
  adamRounding: true,
  descent: true,
  squaredNorm: true,
};

/** The kernels of one format, under their names without it. */
export const kernelsIn = (format: Format, kernels: ElementKernels): FormattedKernels => {
  const suffix = format === 'fp32' ? 'Fp32' : 'Bf16';
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the keys of a total record are its type's
  const names = Object.keys(NAMES) as (keyof FormattedKernels)[];
  const entries = names.map((name) => [name, kernels[`${name}${suffix}`]] as const);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each name is paired with its own kernel
  return Object.fromEntries(entries) as unknown as FormattedKernels;
};
