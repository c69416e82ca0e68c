/** Attention, with the whole row of scores at once, and how the results of two sets of keys are joined. */
import type { AttentionMerge, FlashAttention } from '../op/attention.ts';
import type { Columns } from '../op/positions.ts';
import { positionAt } from './position.ts';
import type { Reference } from './operand.ts';
import { operand } from './operand.ts';

export const flashAttention: Reference<FlashAttention> = (op, inputs, outputs) =>
  op.pass === 'forward' ? forward(op, inputs, outputs) : backward(op, inputs, outputs);

const forward: Reference<FlashAttention> = (op, inputs, outputs) => {
  const { query, key, value } = vectorsOf(op, inputs);
  const sinks = op.sinks ? operand(inputs, -1, op.heads) : null;
  const output = operand(outputs, 0, op.batch * op.queries * op.heads * op.valueDim);
  const sums = operand(outputs, 1, op.batch * op.queries * op.heads);
  for (const row of scoreRowsOf(op)) {
    const scores = row.keys.map((index) => dot(query(row.query, row.head), key(index, row.keyHead)) * scaleOf(op));
    const sum = logOfSum(sinks === null ? scores : [...scores, sinks[row.head]!]);
    const result = vectorAt(output, row.place, op.valueDim).fill(0);
    for (const [place, index] of row.keys.entries())
      addTimes(result, Math.exp(scores[place]! - sum), value(index, row.keyHead));
    sums[row.place] = sum;
  }
};

/**
 * With p the probabilities, the sink's among them, and g the gradient of the output o: the gradient of a score is
 * p (g v - g o), for g o is the sum of p (g v) over the row.
 */
const backward: Reference<FlashAttention> = (op, inputs, outputs) => {
  const { heads, keyDim, valueDim } = op;
  const { query, key, value } = vectorsOf(op, inputs);
  const results = op.batch * op.queries * heads;
  const [output, sums, gradient] = [
    operand(inputs, -3, results * valueDim),
    operand(inputs, -2, results),
    operand(inputs, -1, results * valueDim),
  ];
  const toQueries = operand(outputs, 0, results * keyDim).fill(0);
  const toKeys = operand(outputs, 1, op.batch * op.keys * op.kvHeads * (keyDim + valueDim)).fill(0);
  for (const { place, query: queryRow, head, keyHead, keys } of scoreRowsOf(op)) {
    const toOutput = vectorAt(gradient, place, valueDim);
    const mean = dot(toOutput, vectorAt(output, place, valueDim));
    const own = query(queryRow, head);
    for (const index of keys) {
      const probability = Math.exp(dot(own, key(index, keyHead)) * scaleOf(op) - sums[place]!);
      const toScore = probability * (dot(toOutput, value(index, keyHead)) - mean) * scaleOf(op);
      addTimes(vectorAt(toQueries, place, keyDim), toScore, key(index, keyHead));
      addTimes(keyGradient(op, toKeys, index, keyHead), toScore, own);
      addTimes(valueGradient(op, toKeys, index, keyHead), probability, toOutput);
    }
    if (op.sinks)
      operand(outputs, 2, heads)[head]! -= Math.exp(operand(inputs, -4, heads)[head]! - sums[place]!) * mean;
  }
};

const scaleOf = ({ keyDim }: FlashAttention): number => 1 / Math.sqrt(keyDim);

/** One row of scores: a query, one of its heads, and the rows of the keys that the mask lets them meet. */
interface ScoreRow {
  /** Index among all rows of scores, and so of outputs and of sums. */
  readonly place: number;
  readonly query: number;
  readonly head: number;
  readonly keyHead: number;
  readonly keys: readonly number[];
}

function* scoreRowsOf(op: FlashAttention): Generator<ScoreRow> {
  const { batch, queries, heads, kvHeads } = op;
  for (let sequence = 0; sequence < batch; sequence++)
    for (let index = 0; index < queries; index++) {
      const query = sequence * queries + index;
      const keys = keysMet(op, index).map((key) => sequence * op.keys + key);
      for (let head = 0; head < heads; head++)
        yield { place: query * heads + head, query, head, keyHead: Math.floor((head * kvHeads) / heads), keys };
    }
}

/** Of one sequence, by their index in it. */
const keysMet = ({ queriesAt, keysAt, keys, window }: FlashAttention, query: number): number[] => {
  const own = positionAt(queriesAt, query);
  return Array.from({ length: keys }, (_, key) => key).filter((key) => {
    const distance = own - positionAt(keysAt, key);
    return distance >= 0 && (window === null || distance < window);
  });
};

type Vectors = (row: number, head: number) => Float64Array;
const vectorsOf = (
  { query, key, value, keyDim, valueDim }: FlashAttention,
  inputs: readonly Float64Array[],
): { query: Vectors; key: Vectors; value: Vectors } => {
  const within =
    ({ tensor, start, stride }: Columns, width: number): Vectors =>
    (row, head) => {
      const from = row * stride + start + head * width;
      return operand(inputs, tensor, from + width).subarray(from, from + width);
    };
  return { query: within(query, keyDim), key: within(key, keyDim), value: within(value, valueDim) };
};

/** Behind the keys' gradients of all heads stand those of the values, in each row. */
const keyGradient = (op: FlashAttention, gradient: Float64Array, row: number, head: number): Float64Array => {
  const start = row * op.kvHeads * (op.keyDim + op.valueDim) + head * op.keyDim;
  return gradient.subarray(start, start + op.keyDim);
};
const valueGradient = (op: FlashAttention, gradient: Float64Array, row: number, head: number): Float64Array => {
  const start = row * op.kvHeads * (op.keyDim + op.valueDim) + op.kvHeads * op.keyDim + head * op.valueDim;
  return gradient.subarray(start, start + op.valueDim);
};

/** Of the exponentials; minus infinity when there are none. */
const logOfSum = (logarithms: readonly number[]): number => {
  const most = Math.max(...logarithms);
  if (most === -Infinity) return -Infinity;
  return most + Math.log(logarithms.reduce((sum, one) => sum + Math.exp(one - most), 0));
};
const vectorAt = (tensor: Float64Array, index: number, width: number): Float64Array =>
  tensor.subarray(index * width, (index + 1) * width);
const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, one, index) => sum + one * b[index]!, 0);
const addTimes = (into: Float64Array, factor: number, vector: Float64Array): void => {
  for (let index = 0; index < into.length; index++) into[index]! += factor * vector[index]!;
};

export const attentionMerge: Reference<AttentionMerge> = ({ rows, heads, valueDim }, inputs, outputs) => {
  const results = rows * heads;
  const [first, firstSums, second, secondSums] = [
    operand(inputs, 0, results * valueDim),
    operand(inputs, 1, results),
    operand(inputs, 2, results * valueDim),
    operand(inputs, 3, results),
  ];
  const output = operand(outputs, 0, results * valueDim);
  const sums = operand(outputs, 1, results);
  for (let place = 0; place < results; place++) {
    const sum = logOfSum([firstSums[place]!, secondSums[place]!]);
    const merged = vectorAt(output, place, valueDim).fill(0);
    sums[place] = sum;
    if (sum === -Infinity) continue;
    addTimes(merged, Math.exp(firstSums[place]! - sum), vectorAt(first, place, valueDim));
    addTimes(merged, Math.exp(secondSums[place]! - sum), vectorAt(second, place, valueDim));
  }
};
