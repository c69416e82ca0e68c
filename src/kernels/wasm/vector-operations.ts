/** Activations and sums with compiled kernels. */
import { DTYPE_BYTES } from '../dtype.ts';
import type { Accumulate, Activation, Add, BiasGradient, Residual } from '../op/element-wise.ts';
import { ACTIVATIONS } from './element-kernels.ts';
import type { Operation } from './operation.ts';
import { addressOf, fp32, lengthOf, none, operandAt, same } from './operation.ts';

export const activation: Operation<Activation> = {
  inputRole: ({ weighted }, place) => (weighted && place === 1 ? 'fp32' : 'same'),
  outputRole: (_, place) => (place === 0 ? 'same' : 'fp32'),
  scratchBytes: none,
  run: ({ formatted }, op, inputs, outputs) => {
    const kind = ACTIVATIONS.indexOf(op.activation);
    const gated = Number(op.gated);
    // Where rows are of no matter they are one: no loop is cut short then.
    const [rows, width] = op.gated || op.weighted ? [op.elements / op.width, op.width] : [1, op.elements];
    const [x, weights] = [addressOf(inputs, 0), op.weighted ? addressOf(inputs, 1) : 0];
    const to = addressOf(outputs, 0);
    if (op.pass === 'forward') formatted.activationForward(kind, gated, x, weights, to, rows, width);
    else {
      const toWeights = op.weighted ? addressOf(outputs, 1) : 0;
      formatted.activationBackward(kind, gated, x, weights, addressOf(inputs, -1), to, toWeights, rows, width);
    }
  },
};

export const residual: Operation<Residual> = {
  inputRole: (_, place) => (place === 2 ? 'fp32' : 'same'),
  outputRole: same,
  scratchBytes: none,
  run: ({ formatted }, { pass, elements, dropout, bias }, inputs, outputs) => {
    if (dropout) throw new TypeError('a residual addition with dropout needs a mask, which nothing draws');
    // Without dropout the sum's gradient is the branch's own.
    if (pass === 'backward') return;
    const [branch, beside, to] = [addressOf(inputs, 0), addressOf(inputs, 1), addressOf(outputs, 0)];
    if (!bias) {
      formatted.add(branch, beside, to, elements);
      return;
    }
    const columns = lengthOf(operandAt(inputs, 2));
    formatted.residual(branch, beside, addressOf(inputs, 2), to, elements / columns, columns);
  },
};

export const add: Operation<Add> = {
  inputRole: same,
  outputRole: same,
  scratchBytes: none,
  run: ({ formatted }, { elements }, inputs, outputs) =>
    formatted.add(addressOf(inputs, 0), addressOf(inputs, 1), addressOf(outputs, 0), elements),
};

/** With one input it is a copy, of any format. */
export const accumulate: Operation<Accumulate> = {
  inputRole: (_, __, inputs) => (inputs === 1 ? 'any' : 'same'),
  outputRole: (_, __, inputs) => (inputs === 1 ? 'any' : 'same'),
  scratchBytes: none,
  run: (bench, op, inputs, outputs) => {
    const [from, to] = [addressOf(inputs, 0), addressOf(outputs, 0)];
    if (inputs.length === 1) bench.kernels.copyBytes(from, to, op.elements * DTYPE_BYTES[op.dtype]);
    else bench.formatted.add(from, addressOf(inputs, 1), to, op.elements);
  },
};

export const biasGradient: Operation<BiasGradient> = {
  inputRole: same,
  outputRole: fp32,
  scratchBytes: none,
  run: ({ formatted }, { rows }, inputs, outputs) => {
    let to = addressOf(outputs, 0);
    for (const input of inputs) {
      const columns = lengthOf(input) / rows;
      formatted.biasGradient(input.at, to, rows, columns);
      to += columns * DTYPE_BYTES.fp32;
    }
  },
};
