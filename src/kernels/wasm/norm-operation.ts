/** LayerNorm and RMSNorm with compiled kernels, over whole rows or over heads in them. */
import type { Operand } from '../backend.ts';
import { DTYPE_BYTES } from '../dtype.ts';
import type { Norm } from '../op/element-wise.ts';
import type { Bench, Operation } from './operation.ts';
import { addressOf } from './operation.ts';

export const norm: Operation<Norm> = {
  inputRole: (op, place, inputs) => (place === xPlace(op) || isGradient(op, place, inputs) ? 'same' : 'fp32'),
  outputRole: (_, place) => (place === 0 ? 'same' : 'fp32'),
  // Over heads a LayerNorm has no bias: one of zeros and a gradient that nobody reads stand in the scratch.
  scratchBytes: ({ norm: kind, heads, hidden }) => (kind === 'layernorm' && heads !== null ? 8 * hidden : 0),
  run: (bench, op, inputs, outputs) =>
    op.pass === 'forward' ? forward(bench, op, inputs, outputs) : backward(bench, op, inputs, outputs),
};

const xPlace = ({ heads }: Norm): number => (heads === null ? 0 : heads.from.tensor);
const isGradient = ({ pass }: Norm, place: number, inputs: number): boolean =>
  pass === 'backward' && place === inputs - 1;

const xAt = ({ format }: Bench, op: Norm, inputs: readonly Operand[]): number =>
  addressOf(inputs, xPlace(op)) + (op.heads === null ? 0 : op.heads.from.start * DTYPE_BYTES[format]);
const perRowOf = ({ heads }: Norm): number => (heads === null ? 1 : heads.perRow);

const forward = (bench: Bench, op: Norm, inputs: readonly Operand[], outputs: readonly Operand[]): void => {
  const { rows, hidden, heads, epsilon } = op;
  const perRow = perRowOf(op);
  const x = xAt(bench, op, inputs);
  const gain = addressOf(inputs, heads === null ? 1 : -1);
  const y = addressOf(outputs, 0) + (heads === null ? 0 : heads.to.start * DTYPE_BYTES[bench.format]);
  const [xStride, yStride] = [heads?.from.stride ?? hidden, heads?.to.stride ?? hidden];
  if (op.norm === 'rmsnorm') {
    bench.formatted.rmsNormForward(x, gain, y, rows / perRow, perRow, hidden, xStride, yStride, epsilon);
    return;
  }
  if (heads !== null) bench.kernels.zero(bench.scratch, 4 * hidden);
  const bias = heads === null ? addressOf(inputs, 2) : bench.scratch;
  bench.formatted.layerNormForward(x, gain, bias, y, rows / perRow, perRow, hidden, xStride, yStride, epsilon);
};

const backward = (bench: Bench, op: Norm, inputs: readonly Operand[], outputs: readonly Operand[]): void => {
  const { rows, hidden, heads, epsilon } = op;
  const perRow = perRowOf(op);
  const start = heads === null ? 0 : heads.to.start * DTYPE_BYTES[bench.format];
  const x = xAt(bench, op, inputs);
  const gain = addressOf(inputs, -2);
  const gradient = addressOf(inputs, -1) + start;
  const toInput = addressOf(outputs, 0) + start;
  const toGain = addressOf(outputs, 1);
  const [xStride, stride] = [heads?.from.stride ?? hidden, heads?.to.stride ?? hidden];
  const { rmsNormBackward, layerNormBackward } = bench.formatted;
  if (op.norm === 'rmsnorm') {
    rmsNormBackward(x, gain, gradient, toInput, toGain, rows / perRow, perRow, hidden, xStride, stride, epsilon);
    return;
  }
  const toBias = heads === null ? addressOf(outputs, 2) : bench.scratch;
  const shape = [rows / perRow, perRow, hidden, xStride, stride, epsilon] as const;
  layerNormBackward(x, gain, gradient, toInput, toGain, toBias, ...shape);
};
