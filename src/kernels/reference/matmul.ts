/** Matrix multiplication, and the gradient of its bias, as sums written out. */
import type { BiasGradient } from '../op/element-wise.ts';
import type { Matmul } from '../op/matmul.ts';
import type { Reference } from './operand.ts';
import { operand } from './operand.ts';

/** Element (row, column) of matrix `batch`. */
type Element = (batch: number, row: number, column: number) => number;

export const matmul: Reference<Matmul> = (op, inputs, outputs) => {
  const { m, n, k, batch: batches, accumulates } = op;
  const { left, right } = matricesOf(op, inputs);
  const bias = op.bias ? operand(inputs, -1, n) : null;
  const output = sideBySide(outputs, { batches, rows: m, columns: n });
  for (let batch = 0; batch < batches; batch++)
    for (let row = 0; row < m; row++)
      for (let column = 0; column < n; column++) {
        let sum = bias?.[column] ?? 0;
        for (let index = 0; index < k; index++) sum += left(batch, row, index) * right(batch, index, column);
        const { of, at } = output(batch, row, column);
        of[at] = accumulates ? of[at]! + sum : sum;
      }
};

/** Left [m, k] and right [k, n], however they are stored. */
const matricesOf = (op: Matmul, inputs: readonly Float64Array[]): { left: Element; right: Element } => {
  const { m, n, k, batch: batches, transpose } = op;
  switch (transpose) {
    case 'nn':
      return {
        left: read(sideBySide(inputs.slice(0, 1), { batches, rows: m, columns: k })),
        right: read(sideBySide(inputs.slice(1, 2), { batches, rows: k, columns: n })),
      };
    case 'nt':
      return {
        left: read(sideBySide(inputs.slice(0, -1), { batches, rows: m, columns: k })),
        right: transposed(read(sideBySide(inputs.slice(-1), { batches, rows: n, columns: k }))),
      };
    case 'tn':
      return {
        left: transposed(read(sideBySide(inputs.slice(0, 1), { batches, rows: k, columns: m }))),
        right: read(sideBySide(inputs.slice(1), { batches, rows: k, columns: n })),
      };
    default:
      return transpose satisfies never;
  }
};

type Located = (batch: number, row: number, column: number) => { of: Float64Array; at: number };

/** Where an element of [batches, rows, columns] is when the columns are spread over a list of tensors. */
const sideBySide = (
  tensors: readonly Float64Array[],
  { batches, rows, columns }: { batches: number; rows: number; columns: number },
): Located => {
  const places: { of: Float64Array; width: number; column: number }[] = [];
  for (const of of tensors) {
    const width = of.length / (batches * rows);
    for (let column = 0; column < width; column++) places.push({ of, width, column });
  }
  if (places.length !== columns)
    throw new RangeError(`${columns} columns of ${batches} x ${rows} rows were wanted, not ${places.length}`);
  return (batch, row, index) => {
    const { of, width, column } = places[index]!;
    return { of, at: (batch * rows + row) * width + column };
  };
};
const read =
  (located: Located): Element =>
  (batch, row, column) => {
    const { of, at } = located(batch, row, column);
    return of[at]!;
  };
const transposed =
  (element: Element): Element =>
  (batch, row, column) =>
    element(batch, column, row);

export const biasGradient: Reference<BiasGradient> = ({ rows, columns }, inputs, outputs) => {
  const gradient = read(sideBySide(inputs, { batches: 1, rows, columns }));
  const toBias = operand(outputs, 0, columns);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) toBias[column]! += gradient(0, row, column);
};
