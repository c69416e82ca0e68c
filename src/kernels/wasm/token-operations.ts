/** What depends on tokens and on where they stand: embeddings, rotary positions and the loss, with compiled kernels. */
import type { Operand } from '../backend.ts';
import { DTYPE_BYTES } from '../dtype.ts';
import type { Rope } from '../op/element-wise.ts';
import type { Positions } from '../op/positions.ts';
import { rowsOf } from '../op/positions.ts';
import type { CrossEntropy, Embedding, TokenLoss } from '../op/token.ts';
import type { Bench, Operation } from './operation.ts';
import { addressOf, fp32, lengthOf, none, operandAt, same } from './operation.ts';

/** Calls back for each piece of each sequence: the row it begins with, and that row's position. */
const eachPiece = ({ batch, starts, length }: Positions, visit: (row: number, position: number) => void): void => {
  for (let sequence = 0; sequence < batch; sequence++)
    for (let piece = 0; piece < starts.length; piece++)
      visit((sequence * starts.length + piece) * length, starts[piece]!);
};

export const rope: Operation<Rope> = {
  inputRole: same,
  outputRole: same,
  scratchBytes: ({ headDim, at }) => at.length * headDim * DTYPE_BYTES.fp32 * at.starts.length,
  run: (bench, op, inputs, outputs) => {
    layAngles(bench, op);
    for (let index = 0; index < outputs.length; index++) {
      const [input, output] = [operandAt(inputs, index), operandAt(outputs, index)];
      if (input.at !== output.at)
        bench.kernels.copyBytes(input.at, output.at, lengthOf(output) * DTYPE_BYTES[bench.format]);
      turn(bench, op, output, op.heads[index]!);
    }
  },
};

/** The angles of one sequence's rows: all sequences have the same. */
const layAngles = ({ memory, scratch, angles }: Bench, op: Rope): void => {
  const { starts, length } = op.at;
  const numbers = new Float32Array(memory.buffer, scratch, starts.length * length * op.headDim);
  for (let piece = 0; piece < starts.length; piece++)
    numbers.set(angles.rows(op, starts[piece]!, length), piece * length * op.headDim);
};

const turn = ({ formatted, format, scratch }: Bench, op: Rope, output: Operand, heads: number): void => {
  const rows = rowsOf(op.at);
  const stride = lengthOf(output) / (op.at.batch * rows);
  const size = rows * stride * DTYPE_BYTES[format];
  for (let sequence = 0; sequence < op.at.batch; sequence++)
    formatted.rope(output.at + sequence * size, scratch, rows, stride, heads, op.headDim, op.isInverse ? -1 : 1);
};

/** The gradients of the tables are fp32 whatever the rows are. */
export const embedding: Operation<Embedding> = {
  inputRole: (_, place) => (place === 0 ? 'fp32' : 'same'),
  outputRole: ({ pass }) => (pass === 'forward' ? 'same' : 'fp32'),
  scratchBytes: none,
  run: (bench, op, inputs, outputs) => {
    const { tokens, hidden, first, words, at } = op;
    const ids = addressOf(inputs, 0);
    const rows = DTYPE_BYTES[bench.format] * hidden;
    const { embeddingForward, embeddingBackward } = bench.formatted;
    const other = addressOf(inputs, 1);
    const to = addressOf(outputs, 0);
    if (op.pass === 'forward') {
      const look = (row: number, positions: number, count: number): void =>
        embeddingForward(ids + row * 4, other, positions, to + row * rows, count, hidden, first, words);
      if (op.positions) eachPiece(at, (row, start) => look(row, addressOf(inputs, 2) + start * rows, at.length));
      else look(0, 0, tokens);
    } else {
      const add = (row: number, positions: number, count: number): void =>
        embeddingBackward(ids + row * 4, other + row * rows, to, positions, count, hidden, first, words);
      const positionRow = DTYPE_BYTES.fp32 * hidden;
      if (op.positions) eachPiece(at, (row, start) => add(row, addressOf(outputs, 1) + start * positionRow, at.length));
      else add(0, 0, tokens);
    }
  },
};

/** Logits and their gradients may be bf16; exponentials and statistics never are. */
export const crossEntropy: Operation<CrossEntropy> = {
  inputRole: ({ pass }, place) => (pass === 'forward' && place === 0 ? 'same' : 'fp32'),
  outputRole: ({ pass }) => (pass === 'backward' ? 'same' : 'fp32'),
  scratchBytes: none,
  run: ({ formatted }, { pass, tokens, vocabulary, first, words, weight }, inputs, outputs) => {
    const [from, second, to] = [addressOf(inputs, 0), addressOf(inputs, 1), addressOf(outputs, 0)];
    if (pass === 'forward') {
      const statistics = addressOf(outputs, 1);
      formatted.crossEntropyForward(from, second, to, statistics, tokens, vocabulary, first, words);
    } else {
      const labels = addressOf(inputs, 2);
      formatted.crossEntropyBackward(from, second, labels, to, tokens, vocabulary, first, words, weight);
    }
  },
};

export const tokenLoss: Operation<TokenLoss> = {
  inputRole: fp32,
  outputRole: fp32,
  scratchBytes: none,
  run: ({ kernels }, { tokens, ranks, self }, inputs, outputs) => {
    const [statistics, loss] = [addressOf(inputs, 0), addressOf(inputs, 1)];
    kernels.tokenLoss(statistics, loss, addressOf(outputs, 0), addressOf(outputs, 1), tokens, ranks, self);
  },
};
