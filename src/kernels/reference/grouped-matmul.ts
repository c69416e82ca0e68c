/** The products of several experts: each group of rows by itself, as a product of two matrices. */
import type { GroupedMatmul } from '../op/grouped-matmul.ts';
import type { Matmul } from '../op/matmul.ts';
import { matmul } from './matmul.ts';
import type { Reference } from './operand.ts';
import { operand } from './operand.ts';

export const groupedMatmul: Reference<GroupedMatmul> = (op, inputs, outputs) => {
  const { n, k, transpose, sizes } = op;
  const [left, right, output] = [operand(inputs, 0), operand(inputs, 1), operand(outputs, 0)];
  let start = 0;
  for (const [group, size] of sizes.entries()) {
    const rowsOf = (numbers: Float64Array, width: number): Float64Array =>
      numbers.subarray(start * width, (start + size) * width);
    const matrixOf = (numbers: Float64Array): Float64Array => numbers.subarray(group * k * n, (group + 1) * k * n);
    if (transpose !== 'tn') {
      if (size > 0) matmul(product(op, { m: size, n, k }), [rowsOf(left, k), matrixOf(right)], [rowsOf(output, n)]);
    } else if (size > 0)
      matmul(product(op, { m: k, n, k: size }), [rowsOf(left, k), rowsOf(right, n)], [matrixOf(output)]);
    else if (!op.accumulates) matrixOf(output).fill(0);
    start += size;
  }
};

const product = (
  { transpose, dtype, output, accumulates }: GroupedMatmul,
  shape: Pick<Matmul, 'm' | 'n' | 'k'>,
): Matmul => ({
  kind: 'matmul',
  ...shape,
  batch: 1,
  transpose,
  dtype,
  output,
  accumulates,
  bias: false,
  isAttention: false,
});
