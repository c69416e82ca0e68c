/** The embedding's rows, and the loss over a vocabulary that may be spread over ranks. */
import type { CrossEntropy, Embedding, TokenLoss } from '../op/token.ts';
import { positionAt } from './position.ts';
import type { Reference } from './operand.ts';
import { operand } from './operand.ts';

export const embedding: Reference<Embedding> = (op, inputs, outputs) =>
  op.pass === 'forward' ? lookUp(op, inputs, outputs) : lookUpBackward(op, inputs, outputs);

const lookUp: Reference<Embedding> = (op, inputs, outputs) => {
  const { tokens, hidden, words, positions, at } = op;
  const [ids, table] = [operand(inputs, 0, tokens), operand(inputs, 1, words * hidden)];
  const output = operand(outputs, 0, tokens * hidden).fill(0, 0, tokens * hidden);
  for (let token = 0; token < tokens; token++) {
    const row = output.subarray(token * hidden, (token + 1) * hidden);
    const word = ids[token]! - op.first;
    if (word >= 0 && word < words) addRow(row, table, word);
    if (positions) addRow(row, operand(inputs, 2), positionAt(at, token));
  }
};

const lookUpBackward: Reference<Embedding> = (op, inputs, outputs) => {
  const { tokens, hidden, words, positions, at } = op;
  const [ids, gradient] = [operand(inputs, 0, tokens), operand(inputs, 1, tokens * hidden)];
  const toTable = operand(outputs, 0, words * hidden);
  for (let token = 0; token < tokens; token++) {
    const word = ids[token]! - op.first;
    if (word >= 0 && word < words) addRow(rowOf(toTable, word, hidden), gradient, token);
    if (positions) addRow(rowOf(operand(outputs, 1), positionAt(at, token), hidden), gradient, token);
  }
};

const rowOf = (table: Float64Array, row: number, width: number): Float64Array => {
  if ((row + 1) * width > table.length)
    throw new RangeError(`row ${row} of ${width} numbers is behind the ${table.length} numbers of the table`);
  return table.subarray(row * width, (row + 1) * width);
};
const addRow = (into: Float64Array, table: Float64Array, row: number): void => {
  for (const [column, one] of rowOf(table, row, into.length).entries()) into[column]! += one;
};

export const crossEntropy: Reference<CrossEntropy> = (op, inputs, outputs) =>
  op.pass === 'forward' ? lossForward(op, inputs, outputs) : lossBackward(op, inputs, outputs);

const lossForward: Reference<CrossEntropy> = (op, inputs, outputs) => {
  const { tokens, vocabulary, words } = op;
  const [logits, labels] = [operand(inputs, 0, tokens * vocabulary), operand(inputs, 1, tokens)];
  const exponentials = operand(outputs, 0, tokens * vocabulary);
  const statistics = operand(outputs, 1, 3 * tokens);
  for (let token = 0; token < tokens; token++) {
    const row = logits.subarray(token * vocabulary, token * vocabulary + words);
    const most = row.reduce((most, one) => Math.max(most, one), -Infinity);
    const powers = row.map((one) => Math.exp(one - most));
    exponentials.fill(0, token * vocabulary, (token + 1) * vocabulary);
    exponentials.set(powers, token * vocabulary);
    statistics[token] = most;
    statistics[tokens + token] = powers.reduce((sum, one) => sum + one, 0);
    statistics[2 * tokens + token] = row[labels[token]! - op.first] ?? -Infinity;
  }
};

const lossBackward: Reference<CrossEntropy> = (op, inputs, outputs) => {
  const { tokens, vocabulary, words, weight } = op;
  const exponentials = operand(inputs, 0, tokens * vocabulary);
  const [scales, labels] = [operand(inputs, 1, tokens), operand(inputs, 2, tokens)];
  const toLogits = operand(outputs, 0, tokens * vocabulary).fill(0, 0, tokens * vocabulary);
  for (let token = 0; token < tokens; token++)
    for (let word = 0; word < words; word++) {
      const at = token * vocabulary + word;
      const target = labels[token] === op.first + word ? 1 : 0;
      toLogits[at] = (exponentials[at]! * scales[token]! - target) * weight;
    }
};

export const tokenLoss: Reference<TokenLoss> = ({ tokens, ranks, self }, inputs, outputs) => {
  const statistics = operand(inputs, 0, ranks * 3 * tokens);
  const scales = operand(outputs, 0, tokens);
  let loss = operand(inputs, 1, 1)[0]!;
  for (let token = 0; token < tokens; token++) {
    const own = Array.from({ length: ranks }, (_, rank) => {
      const of = (row: number): number => statistics[(rank * 3 + row) * tokens + token]!;
      return { most: of(0), sum: of(1), label: of(2) };
    });
    const most = Math.max(...own.map((one) => one.most));
    const sum = own.reduce((sum, one) => sum + one.sum * Math.exp(one.most - most), 0);
    scales[token] = Math.exp(own[self]!.most - most) / sum;
    loss += Math.log(sum) + most - Math.max(...own.map((one) => one.label));
  }
  operand(outputs, 1, 1)[0] = loss;
};
