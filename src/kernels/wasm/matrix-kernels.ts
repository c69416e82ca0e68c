/** Signatures of the compiled matrix kernels (`assembly/gemm.ts`, `assembly/attention.ts`). */

/** What `flags` of a product is made of. The scratch of one product is `GEMM_SCRATCH_BYTES` from a multiple of 64 on. */
export const GEMM_FLAGS = {
  /** Left is stored [k, m]. */
  leftTransposed: 1,
  /** Right is stored [n, k]. */
  rightTransposed: 2,
  /** The product is added to what the output holds. */
  accumulates: 4,
  leftBf16: 8,
  rightBf16: 16,
  /** The output is rounded to bf16 once, to the nearest, ties to even. */
  outputBf16: 32,
  biasBf16: 64,
} as const;

export const GEMM_SCRATCH_BYTES = 1_048_576;

/** Addresses are bytes; counts and leading dimensions are elements, of operands as they are stored. */
type GemmArguments = [
  flags: number,
  m: number,
  n: number,
  k: number,
  left: number,
  leftRow: number,
  right: number,
  rightRow: number,
  output: number,
  outputRow: number,
  bias: number,
  scratch: number,
];

type MergeArguments = [
  first: number,
  firstSums: number,
  second: number,
  secondSums: number,
  output: number,
  outputSums: number,
  rows: number,
  width: number,
];

/** The address of a call as `assembly/inline/attention-call.ts` describes it. */
type Attention = (call: number) => void;

export interface MatrixKernels {
  /** output [m, n] = left [m, k] x right [k, n] + bias [n] a row; no bias at address 0. */
  readonly gemm: (...of: GemmArguments) => void;
  readonly attentionForwardFp32: Attention;
  readonly attentionForwardBf16: Attention;
  readonly attentionBackwardFp32: Attention;
  readonly attentionBackwardBf16: Attention;
  /** Rows of outputs, each with the logarithm of its sum, of two sets of keys. */
  readonly attentionMergeFp32: (...of: MergeArguments) => void;
  readonly attentionMergeBf16: (...of: MergeArguments) => void;
  /** to[i] = exp(from[i]), `count` a multiple of four. */
  readonly exponentials: (from: number, to: number, count: number) => void;
  /** Runs 96 additions and multiplications a round, as many at a time as the machine can. */
  readonly peakRounds: (rounds: number) => number;
}
