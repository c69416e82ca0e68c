/** Who does a product: a native library where there is one and it can, else the compiled kernel. */
import { DTYPE_BYTES } from '../dtype.ts';
import { GEMM_FLAGS } from './matrix-kernels.ts';
import type { Kernels } from './module.ts';
import type { Multiply, NativeGemm, Product } from './product.ts';

export const compiledMultiply =
  ({ gemm }: Kernels): Multiply =>
  ({ flags, m, n, k, left, leftRow, right, rightRow, output, outputRow, bias }, scratch) =>
    gemm(flags, m, n, k, left, leftRow, right, rightRow, output, outputRow, bias, scratch);

/** Native libraries write fp32 and know no bias: a bias is added, and bf16 made, while the result is still in the cache. */
export const nativeMultiply = (native: NativeGemm, kernels: Kernels): Multiply => {
  const compiled = compiledMultiply(kernels);
  const multiplyInto = (product: Product): boolean => {
    if (!native.multiply(product.bias === 0 ? product : { ...product, bias: 0 })) return false;
    const { bias, output, outputRow, m, n } = product;
    if (bias !== 0) kernels.addBias(output, outputRow, bias, m, n);
    return true;
  };
  return (product, scratch) => {
    const isDone = isBf16(product, GEMM_FLAGS.outputBf16)
      ? multiplyInTiles({ product, scratch, kernels, multiplyInto })
      : multiplyInto(product);
    if (!isDone) compiled(product, scratch);
  };
};

/** A tile of the product in fp32 is as large as the scratch of a product, which a native library does not use. */
const TILE = { rows: 256, columns: 1024 };

interface Tiling {
  readonly product: Product;
  readonly scratch: number;
  readonly kernels: Kernels;
  readonly multiplyInto: (product: Product) => boolean;
}
const multiplyInTiles = (tiling: Tiling): boolean => {
  const { m, n } = tiling.product;
  for (let column = 0; column < n; column += TILE.columns)
    for (let row = 0; row < m; row += TILE.rows) if (!multiplyTile(tiling, row, column)) return false;
  return true;
};

const multiplyTile = ({ product, scratch, kernels, multiplyInto }: Tiling, row: number, column: number): boolean => {
  const { flags, m, n, output, outputRow, bias } = product;
  const [rows, columns] = [Math.min(TILE.rows, m - row), Math.min(TILE.columns, n - column)];
  const to = output + (row * outputRow + column) * DTYPE_BYTES.bf16;
  if (flags & GEMM_FLAGS.accumulates)
    eachRow(rows, (index) => kernels.fp32FromBf16(to + 2 * index * outputRow, scratch + 4 * index * columns, columns));
  const tile = {
    ...product,
    flags: flags & ~GEMM_FLAGS.outputBf16,
    m: rows,
    n: columns,
    left: leftAt(product, row),
    right: rightAt(product, column),
    output: scratch,
    outputRow: columns,
    bias: bias === 0 ? 0 : bias + column * DTYPE_BYTES.fp32,
  };
  if (!multiplyInto(tile)) return false;
  eachRow(rows, (index) => kernels.bf16FromFp32(scratch + 4 * index * columns, to + 2 * index * outputRow, columns));
  return true;
};

const eachRow = (rows: number, visit: (index: number) => void): void => {
  for (let index = 0; index < rows; index++) visit(index);
};

const isBf16 = ({ flags }: Product, flag: number): boolean => (flags & flag) !== 0;

const leftAt = (product: Product, row: number): number => {
  const size = isBf16(product, GEMM_FLAGS.leftBf16) ? DTYPE_BYTES.bf16 : DTYPE_BYTES.fp32;
  const isTransposed = (product.flags & GEMM_FLAGS.leftTransposed) !== 0;
  return product.left + (isTransposed ? row : row * product.leftRow) * size;
};
const rightAt = (product: Product, column: number): number => {
  const size = isBf16(product, GEMM_FLAGS.rightBf16) ? DTYPE_BYTES.bf16 : DTYPE_BYTES.fp32;
  const isTransposed = (product.flags & GEMM_FLAGS.rightTransposed) !== 0;
  return product.right + (isTransposed ? column * product.rightRow : column) * size;
};
