/** What experts do with compiled kernels: rows on their way to them and back, and their products. */
import type { Operand } from '../backend.ts';
import { DTYPE_BYTES } from '../dtype.ts';
import type { GroupedMatmul } from '../op/grouped-matmul.ts';
import type { Permute } from '../op/routing.ts';
import { GEMM_FLAGS, GEMM_SCRATCH_BYTES } from './matrix-kernels.ts';
import type { Bench, Operation } from './operation.ts';
import { addressOf, either, lengthOf, none, operandAt } from './operation.ts';

/** More than two rows are added up in fp32, so that the sum is rounded once. */
export const permute: Operation<Permute> = {
  inputRole: ({ direction, choices }, place) =>
    place === 1 ? 'any' : direction === 'gather' && choices > 2 ? 'fp32' : 'same',
  outputRole: ({ direction, choices }) => (direction === 'gather' && choices > 2 ? 'fp32' : 'same'),
  scratchBytes: none,
  run: (bench, op, inputs, outputs) => {
    const [from, to] = [addressOf(inputs, 0), addressOf(outputs, 0)];
    const places = new Int32Array(bench.memory.buffer, addressOf(inputs, 1), op.tokens * op.choices);
    if (op.direction === 'spread') spread(bench, op, { from, to, places });
    else gather(bench, op, { from, to, places });
  },
};

interface Rows {
  readonly from: number;
  readonly to: number;
  readonly places: Int32Array;
}
const spread = ({ kernels, format }: Bench, { width, choices }: Permute, { from, to, places }: Rows): void => {
  const row = width * DTYPE_BYTES[format];
  for (const [index, place] of places.entries())
    if (place >= 0) kernels.copyBytes(from + Math.floor(index / choices) * row, to + place * row, row);
};
const gather = (bench: Bench, { tokens, width, choices }: Permute, { from, to, places }: Rows): void => {
  const row = width * DTYPE_BYTES[bench.format];
  bench.kernels.zero(to, tokens * row);
  for (const [index, place] of places.entries()) {
    const sum = to + Math.floor(index / choices) * row;
    if (place >= 0) bench.formatted.add(sum, from + place * row, sum, width);
  }
};

/** A product for each group that has rows; one that has none adds nothing to its output. */
export const groupedMatmul: Operation<GroupedMatmul> = {
  inputRole: either,
  outputRole: either,
  scratchBytes: () => GEMM_SCRATCH_BYTES,
  run: (bench, op, inputs, outputs) => {
    const output = operandAt(outputs, 0);
    if (op.transpose === 'tn' && !op.accumulates)
      bench.kernels.zero(output.at, lengthOf(output) * DTYPE_BYTES[output.dtype]);
    let row = 0;
    for (const [group, size] of op.sizes.entries()) {
      if (size > 0) multiplyGroup(bench, op, { group, row, size, inputs, output });
      row += size;
    }
  },
};

interface Group {
  readonly group: number;
  /** Its first row and how many it has. */
  readonly row: number;
  readonly size: number;
  readonly inputs: readonly Operand[];
  readonly output: Operand;
}
const multiplyGroup = (bench: Bench, op: GroupedMatmul, { group, row, size, inputs, output }: Group): void => {
  const { n, k, transpose } = op;
  const [left, right] = [operandAt(inputs, 0), operandAt(inputs, 1)];
  const isTn = transpose === 'tn';
  const flags =
    (left.dtype === 'bf16' ? GEMM_FLAGS.leftBf16 : 0) |
    (right.dtype === 'bf16' ? GEMM_FLAGS.rightBf16 : 0) |
    (output.dtype === 'bf16' ? GEMM_FLAGS.outputBf16 : 0) |
    (op.accumulates ? GEMM_FLAGS.accumulates : 0) |
    (isTn ? GEMM_FLAGS.leftTransposed : 0) |
    (transpose === 'nt' ? GEMM_FLAGS.rightTransposed : 0);
  bench.multiply(
    {
      flags,
      m: isTn ? k : size,
      n,
      k: isTn ? size : k,
      left: left.at + row * k * DTYPE_BYTES[left.dtype],
      leftRow: k,
      right: right.at + (isTn ? row * n : group * k * n) * DTYPE_BYTES[right.dtype],
      rightRow: transpose === 'nt' ? k : n,
      output: output.at + (isTn ? group * k * n : row * n) * DTYPE_BYTES[output.dtype],
      outputRow: n,
      bias: 0,
    },
    bench.scratch,
  );
};
