/** The oracle as a backend: reads operands into float64, computes, and rounds what it stores. */
import type { Backend, Operand } from '../backend.ts';
import type { Place } from '../number-format.ts';
import { readNumbers, writeNumbers } from '../number-format.ts';
import { operate } from './operations.ts';

/** `memory` is asked for each time: memory that grows is another buffer afterwards. */
export const referenceBackend = (memory: () => ArrayBufferLike): Backend => ({
  name: 'reference',
  run: (op, inputs, outputs) => {
    const buffer = memory();
    const read = (operand: Operand): Float64Array => readNumbers(buffer, placeOf(operand));
    const results = outputs.map(read);
    operate(op, inputs.map(read), results);
    for (const [index, output] of outputs.entries()) writeNumbers(buffer, placeOf(output), results[index]!);
  },
});

const placeOf = ({ dtype, shape, at }: Operand): Place => ({
  dtype,
  at,
  length: shape.reduce((product, length) => product * length, 1),
});
