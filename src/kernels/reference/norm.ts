/** LayerNorm and RMSNorm, row by row. */
import type { Norm } from '../op/element-wise.ts';
import type { Columns } from '../op/positions.ts';
import type { Reference } from './operand.ts';
import { operand } from './operand.ts';

export const norm: Reference<Norm> = (op, inputs, outputs) =>
  op.pass === 'forward' ? forward(op, inputs, outputs) : backward(op, inputs, outputs);

/** A norm over heads has no bias. */
const hasBias = ({ norm, heads }: Norm): boolean => norm === 'layernorm' && heads === null;

const forward: Reference<Norm> = (op, inputs, outputs) => {
  const { rows, hidden } = op;
  const gain = operand(inputs, op.heads === null ? 1 : -1, hidden);
  const bias = hasBias(op) ? operand(inputs, 2, hidden) : null;
  for (let row = 0; row < rows; row++) {
    const { normalised } = normalise(op, inputRow(op, inputs, row));
    const result = outputRow(op, operand(outputs, 0), row);
    for (const [column, one] of normalised.entries()) result[column] = one * gain[column]! + (bias?.[column] ?? 0);
  }
};

/**
 * With n the normalised row, g the gradient of y times the gain and d the deviation, the gradient of x is
 * (g - mean(g) - n mean(g n)) / d; RMSNorm subtracts no mean, so neither does its gradient.
 */
const backward: Reference<Norm> = (op, inputs, outputs) => {
  const { rows, hidden } = op;
  const gain = operand(inputs, -2, hidden);
  const toGain = operand(outputs, 1, hidden);
  const toBias = hasBias(op) ? operand(outputs, 2, hidden) : null;
  for (let row = 0; row < rows; row++) {
    const { normalised, deviation } = normalise(op, inputRow(op, inputs, row));
    const gradient = outputRow(op, operand(inputs, -1), row);
    const toNormalised = gradient.map((one, column) => one * gain[column]!);
    const shift = op.norm === 'layernorm' ? mean(toNormalised) : 0;
    const slope = mean(toNormalised.map((one, column) => one * normalised[column]!));
    const toInput = outputRow(op, operand(outputs, 0), row);
    for (const [column, one] of gradient.entries()) {
      toGain[column]! += one * normalised[column]!;
      if (toBias !== null) toBias[column]! += one;
      toInput[column] = (toNormalised[column]! - shift - normalised[column]! * slope) / deviation;
    }
  }
};

const mean = (values: Float64Array): number => values.reduce((sum, one) => sum + one, 0) / values.length;

const normalise = ({ norm, epsilon }: Norm, row: Float64Array): { normalised: Float64Array; deviation: number } => {
  const centre = norm === 'layernorm' ? mean(row) : 0;
  const deviation = Math.sqrt(mean(row.map((one) => (one - centre) ** 2)) + epsilon);
  return { normalised: row.map((one) => (one - centre) / deviation), deviation };
};

const inputRow = ({ hidden, heads }: Norm, inputs: readonly Float64Array[], row: number): Float64Array =>
  heads === null
    ? rowAt(operand(inputs, 0), row * hidden, hidden)
    : rowAt(operand(inputs, heads.from.tensor), headStart(heads.from, heads.perRow, { row, hidden }), hidden);
const outputRow = ({ hidden, heads }: Norm, tensor: Float64Array, row: number): Float64Array =>
  rowAt(tensor, heads === null ? row * hidden : headStart(heads.to, heads.perRow, { row, hidden }), hidden);

/** Where norm `row` of all begins, when `perRow` of them stand side by side. */
const headStart = (
  { start, stride }: Columns,
  perRow: number,
  { row, hidden }: { row: number; hidden: number },
): number => Math.floor(row / perRow) * stride + start + (row % perRow) * hidden;
const rowAt = (tensor: Float64Array, start: number, width: number): Float64Array => {
  if (start + width > tensor.length)
    throw new RangeError(`a row of ${width} numbers from ${start} on ends behind the ${tensor.length} there are`);
  return tensor.subarray(start, start + width);
};
