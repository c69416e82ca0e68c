/** Positions of rows in their sequences, and the rotation of queries and keys by them. */
import type { Rope } from '../op/element-wise.ts';
import type { Positions } from '../op/positions.ts';
import { rowsOf } from '../op/positions.ts';
import type { Reference } from './operand.ts';
import { operand } from './operand.ts';

/** Where a row stands in its sequence. */
export const positionAt = (at: Positions, row: number): number => {
  const inSequence = row % rowsOf(at);
  return at.starts[Math.floor(inSequence / at.length)]! + (inSequence % at.length);
};

export const rope: Reference<Rope> = (op, inputs, outputs) => {
  const rows = op.at.batch * rowsOf(op.at);
  for (const [index, heads] of op.heads.entries()) {
    const output = operand(outputs, index);
    output.set(operand(inputs, index, output.length));
    const stride = output.length / rows;
    for (let row = 0; row < rows; row++)
      for (let head = 0; head < heads; head++) {
        const start = row * stride + head * op.headDim;
        turn(op, output.subarray(start, start + op.headDim), positionAt(op.at, row));
      }
  }
};

const turn = ({ headDim, base, isInverse }: Rope, head: Float64Array, position: number): void => {
  const half = headDim / 2;
  for (let pair = 0; pair < half; pair++) {
    const angle = position * base ** ((-2 * pair) / headDim) * (isInverse ? -1 : 1);
    const [first, second] = [head[pair]!, head[pair + half]!];
    head[pair] = first * Math.cos(angle) - second * Math.sin(angle);
    head[pair + half] = first * Math.sin(angle) + second * Math.cos(angle);
  }
};
