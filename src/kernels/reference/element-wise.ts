/** Sums and copies, element by element. */
import type { Accumulate, Add, Cast, Dropout, Residual, Softmax } from '../op/element-wise.ts';
import type { Fill } from '../op/adam.ts';
import type { Copy, Run } from '../op/routing.ts';
import type { Reference } from './operand.ts';
import { operand } from './operand.ts';

export const residual: Reference<Residual> = (op, inputs, outputs) => {
  if (op.dropout) throw new TypeError('a residual addition with dropout needs a mask, which nothing draws');
  // Without dropout the sum's gradient is the branch's own.
  if (op.pass === 'backward') return;
  const [branch, beside] = [operand(inputs, 0, op.elements), operand(inputs, 1, op.elements)];
  const bias = op.bias ? operand(inputs, 2) : null;
  const output = operand(outputs, 0, op.elements);
  for (let index = 0; index < op.elements; index++)
    output[index] = branch[index]! + (bias === null ? 0 : bias[index % bias.length]!) + beside[index]!;
};

export const add: Reference<Add> = ({ elements }, inputs, outputs) => {
  const [first, second] = [operand(inputs, 0, elements), operand(inputs, 1, elements)];
  const output = operand(outputs, 0, elements);
  for (let index = 0; index < elements; index++) output[index] = first[index]! + second[index]!;
};

export const accumulate: Reference<Accumulate> = (op, inputs, outputs) => {
  if (inputs.length === 1) copyAll(op.elements, inputs, outputs);
  else add({ ...op, kind: 'add' }, inputs, outputs);
};

/** Rounding to the other format is the memory's. */
export const cast: Reference<Cast> = ({ elements }, inputs, outputs) => copyAll(elements, inputs, outputs);

const copyAll = (elements: number, inputs: readonly Float64Array[], outputs: readonly Float64Array[]): void =>
  operand(outputs, 0, elements).set(operand(inputs, 0, elements).subarray(0, elements));

export const fill: Reference<Fill> = ({ value }, _, outputs) => {
  for (const output of outputs) output.fill(value);
};

export const copy: Reference<Copy> = ({ runs, written }, inputs, outputs) => {
  if (runs.length === 0 && written > 0) throw new TypeError(`a copy of ${written} elements names no runs of them`);
  for (const run of runs)
    for (const { from, to } of places(run)) {
      const source = operand(inputs, run.from, from + run.run);
      operand(outputs, run.to, to + run.run).set(source.subarray(from, from + run.run), to);
    }
};
function* places({ fromStart, toStart, counts, fromStrides, toStrides }: Run): Generator<{ from: number; to: number }> {
  for (let i = 0; i < counts[0]; i++)
    for (let j = 0; j < counts[1]; j++)
      for (let k = 0; k < counts[2]; k++)
        yield {
          from: fromStart + i * fromStrides[0] + j * fromStrides[1] + k * fromStrides[2],
          to: toStart + i * toStrides[0] + j * toStrides[1] + k * toStrides[2],
        };
}

export const softmax: Reference<Softmax> = () => {
  throw new TypeError('a softmax by itself is never computed: its attention is computed as flash attention');
};
export const dropout: Reference<Dropout> = () => {
  throw new TypeError('dropout needs a mask, which nothing draws');
};
