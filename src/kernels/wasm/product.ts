/** One product of matrices, as whoever multiplies is told of it. */

/** output [m, n] = left [m, k] x right [k, n] + bias [n] a row; addresses in bytes, rows in elements as they are stored. */
export interface Product {
  /** Of `GEMM_FLAGS`. */
  readonly flags: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly left: number;
  readonly leftRow: number;
  readonly right: number;
  readonly rightRow: number;
  readonly output: number;
  readonly outputRow: number;
  /** Where an fp32 bias stands, 0 where there is none. */
  readonly bias: number;
}

/** Does one product; `GEMM_SCRATCH_BYTES` of scratch stand at `scratch`. */
export type Multiply = (product: Product, scratch: number) => void;

/** A library of the machine's that multiplies on the same memory. */
export interface NativeGemm {
  readonly name: string;
  /** Does a product without bias into an fp32 output, or returns false and has done nothing. */
  multiply(product: Product): boolean;
}
