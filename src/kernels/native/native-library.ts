/** What a native library offers: products of matrices that stand at addresses of the process. */

/** A product as libraries take it: flags apart, every operand at its address in the process. */
export interface NativeProduct {
  readonly isLeftTransposed: boolean;
  readonly isRightTransposed: boolean;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly left: bigint;
  readonly leftRow: number;
  readonly right: bigint;
  readonly rightRow: number;
  /** By which what the output holds is multiplied before the product is added: 0 or 1. */
  readonly beta: number;
  readonly output: bigint;
  readonly outputRow: number;
}

/** A library's products on the calling thread alone; each returns false, and has done nothing, if it cannot. */
export interface NativeLibrary {
  readonly name: string;
  readonly fp32: (product: NativeProduct) => boolean;
  /** Operands in bf16, output in fp32. */
  readonly bf16: (product: NativeProduct) => boolean;
}
