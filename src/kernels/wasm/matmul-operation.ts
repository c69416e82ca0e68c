/** Products of matrices, of one or of several side by side, batch after batch. */
import type { Operand } from '../backend.ts';
import type { Dtype } from '../dtype.ts';
import { DTYPE_BYTES } from '../dtype.ts';
import type { Matmul } from '../op/matmul.ts';
import { narrow, widen } from './copy-operations.ts';
import { GEMM_FLAGS, GEMM_SCRATCH_BYTES } from './matrix-kernels.ts';
import type { Bench, Operation } from './operation.ts';
import { either, lengthOf, operandAt } from './operation.ts';

export const matmul: Operation<Matmul> = {
  inputRole: ({ bias }, place, inputs) => (bias && place === inputs - 1 ? 'fp32' : 'either'),
  outputRole: either,
  scratchBytes: (op, inputs, outputs) => GEMM_SCRATCH_BYTES + (isStaged(op, inputs, outputs) ? 4 * op.m * op.n : 0),
  run: (bench, op, inputs, outputs) => {
    for (let batch = 0; batch < op.batch; batch++) PRODUCTS[op.transpose](bench, op, batch, { inputs, outputs });
  },
};

interface Sides {
  readonly inputs: readonly Operand[];
  readonly outputs: readonly Operand[];
}
type Products = (bench: Bench, op: Matmul, batch: number, sides: Sides) => void;

/** Each output takes its columns of the right matrix and of the bias. */
const multiplyNn: Products = ({ multiply, scratch }, op, batch, { inputs, outputs }) => {
  const { m, n, k } = op;
  const [left, right] = [operandAt(inputs, 0), operandAt(inputs, 1)];
  const bias = op.bias ? operandAt(inputs, 2) : null;
  let column = 0;
  for (const output of outputs) {
    const width = lengthOf(output) / (op.batch * m);
    multiply(
      {
        flags: flagsOf(left, right, output) | accumulation(op.accumulates),
        m,
        n: width,
        k,
        left: addressAt(left, batch * m * k),
        leftRow: k,
        right: addressAt(right, batch * k * n + column),
        rightRow: n,
        output: addressAt(output, batch * m * width),
        outputRow: width,
        bias: bias === null ? 0 : addressAt(bias, column),
      },
      scratch,
    );
    column += width;
  }
};

/** The product is a sum over the lefts, each with its columns of right; a sum that is not fp32 is rounded once, at its end. */
const multiplyNt: Products = (bench, op, batch, { inputs, outputs }) => {
  const { m, n, k } = op;
  const output = operandAt(outputs, 0);
  const right = operandAt(inputs, -1);
  const to = addressAt(output, batch * m * n);
  const isInStages = isStaged(op, inputs, outputs);
  const sum = isInStages ? bench.scratch + GEMM_SCRATCH_BYTES : to;
  if (isInStages && op.accumulates) widen(bench.kernels, output.dtype, { from: to, to: sum, elements: m * n });
  let column = 0;
  for (const left of inputs.slice(0, -1)) {
    const width = lengthOf(left) / (op.batch * m);
    bench.multiply(
      {
        flags:
          flagsOf(left, right, isInStages ? null : output) |
          GEMM_FLAGS.rightTransposed |
          accumulation(op.accumulates || column > 0),
        m,
        n,
        k: width,
        left: addressAt(left, batch * m * width),
        leftRow: width,
        right: addressAt(right, batch * n * k + column),
        rightRow: k,
        output: sum,
        outputRow: n,
        bias: 0,
      },
      bench.scratch,
    );
    column += width;
  }
  if (isInStages) narrow(bench.kernels, output.dtype, { from: sum, to, elements: m * n });
};

/** Each right makes its columns of the output. */
const multiplyTn: Products = ({ multiply, scratch }, op, batch, { inputs, outputs }) => {
  const { m, n, k } = op;
  const [left, output] = [operandAt(inputs, 0), operandAt(outputs, 0)];
  let column = 0;
  for (const right of inputs.slice(1)) {
    const width = lengthOf(right) / (op.batch * k);
    multiply(
      {
        flags: flagsOf(left, right, output) | GEMM_FLAGS.leftTransposed | accumulation(op.accumulates),
        m,
        n: width,
        k,
        left: addressAt(left, batch * k * m),
        leftRow: m,
        right: addressAt(right, batch * k * width),
        rightRow: width,
        output: addressAt(output, batch * m * n + column),
        outputRow: n,
        bias: 0,
      },
      scratch,
    );
    column += width;
  }
};

const PRODUCTS: Readonly<Record<Matmul['transpose'], Products>> = { nn: multiplyNn, nt: multiplyNt, tn: multiplyTn };

const isStaged = ({ transpose }: Matmul, inputs: readonly Operand[], outputs: readonly Operand[]): boolean =>
  transpose === 'nt' && inputs.length > 2 && operandAt(outputs, 0).dtype !== 'fp32';

const isBf16 = (operand: { readonly dtype: Dtype } | null): boolean => operand?.dtype === 'bf16';

/** No output stands for one in fp32. */
const flagsOf = (left: Operand, right: Operand, output: Operand | null): number =>
  (isBf16(left) ? GEMM_FLAGS.leftBf16 : 0) |
  (isBf16(right) ? GEMM_FLAGS.rightBf16 : 0) |
  (isBf16(output) ? GEMM_FLAGS.outputBf16 : 0);

const accumulation = (accumulates: boolean): number => (accumulates ? GEMM_FLAGS.accumulates : 0);

const addressAt = ({ at, dtype }: Operand, element: number): number => at + element * DTYPE_BYTES[dtype];
