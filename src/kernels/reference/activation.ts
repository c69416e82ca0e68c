/** The non-linearity between an MLP's two projections: plain or gated, of plain or weighted rows. */
import type { Activation } from '../op/element-wise.ts';
import type { Reference } from './operand.ts';
import { operand } from './operand.ts';

export const activation: Reference<Activation> = (op, inputs, outputs) =>
  op.pass === 'forward' ? forward(op, inputs, outputs) : backward(op, inputs, outputs);

const forward: Reference<Activation> = (op, inputs, outputs) => {
  const weights = op.weighted ? operand(inputs, 1, rowsOf(op)) : null;
  const output = operand(outputs, 0, op.elements);
  for (const { row, element, gate, up } of elementsOf(op, operand(inputs, 0))) {
    output[element] = CURVES[op.activation].value(gate) * up * (weights?.[row] ?? 1);
  }
};

const backward: Reference<Activation> = (op, inputs, outputs) => {
  const weights = op.weighted ? operand(inputs, 1, rowsOf(op)) : null;
  const gradient = operand(inputs, -1, op.elements);
  const toInput = operand(outputs, 0, op.elements * (op.gated ? 2 : 1));
  const toWeights = op.weighted ? operand(outputs, 1, rowsOf(op)).fill(0) : null;
  const { value, slope } = CURVES[op.activation];
  for (const { row, element, gate, up, gateAt, upAt } of elementsOf(op, operand(inputs, 0))) {
    const reached = gradient[element]! * (weights?.[row] ?? 1);
    toInput[gateAt] = reached * slope(gate) * up;
    if (op.gated) toInput[upAt] = reached * value(gate);
    if (toWeights !== null) toWeights[row]! += gradient[element]! * value(gate) * up;
  }
};

interface Element {
  readonly row: number;
  /** Index among the outputs. */
  readonly element: number;
  readonly gate: number;
  /** 1 where there is no gate, and then it has no place. */
  readonly up: number;
  readonly gateAt: number;
  readonly upAt: number;
}
const rowsOf = ({ elements, width }: Activation): number => elements / width;

function* elementsOf({ gated, elements, width }: Activation, input: Float64Array): Generator<Element> {
  const stride = gated ? 2 * width : width;
  for (let element = 0; element < elements; element++) {
    const row = Math.floor(element / width);
    const gateAt = row * stride + (element % width);
    const upAt = gateAt + width;
    yield { row, element, gate: input[gateAt]!, up: gated ? input[upAt]! : 1, gateAt, upAt };
  }
}

interface Curve {
  readonly value: (x: number) => number;
  readonly slope: (x: number) => number;
}
/** GELU's tanh form (Hendrycks and Gimpel 2016): x (1 + tanh u) / 2 with u = sqrt(2 / pi) (x + 0.044715 x^3). */
const ROOT = Math.sqrt(2 / Math.PI);
const CUBIC = 0.044715;
const gelu: Curve = {
  value: (x) => (x * (1 + Math.tanh(ROOT * (x + CUBIC * x ** 3)))) / 2,
  slope: (x) => {
    const tanh = Math.tanh(ROOT * (x + CUBIC * x ** 3));
    return (1 + tanh) / 2 + ((x * (1 - tanh ** 2)) / 2) * ROOT * (1 + 3 * CUBIC * x ** 2);
  },
};
const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const CURVES: Readonly<Record<Activation['activation'], Curve>> = {
  gelu,
  silu: { value: (x) => x * sigmoid(x), slope: (x) => sigmoid(x) * (1 + x * (1 - sigmoid(x))) },
  relu: { value: (x) => Math.max(x, 0), slope: (x) => (x > 0 ? 1 : 0) },
  'squared-relu': { value: (x) => Math.max(x, 0) ** 2, slope: (x) => 2 * Math.max(x, 0) },
};
