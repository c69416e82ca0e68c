/** One suite for every backend: each operation in each format gives what the reference gives, and touches nothing else. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Operand } from '../../src/kernels/backend.ts';
import { DTYPE_BYTES } from '../../src/kernels/dtype.ts';
import type { Place } from '../../src/kernels/number-format.ts';
import { readNumbers, writeNumbers } from '../../src/kernels/number-format.ts';
import type { Filled, Float, Trial } from '../worlds/filled.ts';
import { computed, FLOATS, sizeOf } from '../worlds/filled.ts';
import { ALWAYS_FP32, OPERATIONS } from '../worlds/operations.ts';
import { CANDIDATES } from './backends.ts';

const KINDS = Object.entries(OPERATIONS).flatMap(([kind, trials]) =>
  FLOATS.filter((dtype) => dtype === 'fp32' || !ALWAYS_FP32.includes(kind)).map((dtype) => ({ kind, dtype, trials })),
);
const RUNS = 40;
/** Where a backend writes hangs on shapes alone, of which fewer say enough. */
const RUNS_BESIDE = 10;
const ROOM = 1 << 18;

describe.each(Object.entries(CANDIDATES))('the %s backend', (_, create) => {
  const { backend, memory, from } = create(ROOM);
  const bytes = new Uint8Array(memory, from, ROOM);

  /** Lays the trial's operands out in a memory that is otherwise full of ones. */
  const layOut = (trial: Trial): ReadonlyMap<Filled, Operand> => {
    const operands = placed(trial, from);
    bytes.fill(0xff);
    for (const [{ values }, operand] of operands) writeNumbers(memory, placeOf(operand), values);
    return operands;
  };
  const run = (trial: Trial): ReadonlyMap<Filled, Operand> => {
    const operands = layOut(trial);
    const of = (tensor: Filled): Operand => operands.get(tensor)!;
    backend.run(trial.op, trial.inputs.map(of), trial.outputs.map(of));
    return operands;
  };

  test.each(KINDS)('computes $kind in $dtype as the reference does, rounded once', ({ dtype, trials }) => {
    fc.assert(
      fc.property(trials(dtype), (trial) => {
        const operands = run(trial);
        const wanted = computed(trial);
        for (const [index, output] of trial.outputs.entries())
          expectNear(readNumbers(memory, placeOf(operands.get(output)!)), wanted[index]!, output.dtype as Float);
      }),
      { numRuns: RUNS },
    );
  });

  test.each(KINDS)('gives the same bits of $kind in $dtype each time, and writes nothing else', ({ dtype, trials }) => {
    fc.assert(
      fc.property(trials(dtype), (trial) => {
        run(trial);
        const first = bytes.slice();
        const operands = run(trial);
        expect(Buffer.compare(bytes, first), 'the second run differs from the first').toBe(0);
        layOut(trial);
        for (const output of trial.outputs) {
          const { at, length, dtype } = placeOf(operands.get(output)!);
          const start = at - from;
          bytes.set(first.subarray(start, start + length * DTYPE_BYTES[dtype]), start);
        }
        expect(Buffer.compare(bytes, first), 'there are changes beside the outputs').toBe(0);
      }),
      { numRuns: RUNS_BESIDE },
    );
  });
});

/** Tensors stand anywhere that an element may, with a few bytes between them, and each only once. */
const placed = ({ inputs, outputs }: Trial, from: number): ReadonlyMap<Filled, Operand> => {
  const operands = new Map<Filled, Operand>();
  let end = from;
  for (const tensor of [...inputs, ...outputs]) {
    if (operands.has(tensor)) continue;
    const { dtype, shape } = tensor;
    const size = DTYPE_BYTES[dtype];
    const at = Math.ceil((end + 1) / size) * size;
    operands.set(tensor, { dtype, shape, at });
    end = at + sizeOf(shape) * size;
  }
  if (end > from + ROOM) throw new RangeError(`the operands take ${end - from} bytes of the ${ROOM} there are`);
  return operands;
};
const placeOf = ({ dtype, shape, at }: Operand): Place => ({ dtype, at, length: sizeOf(shape) });

/** Half the distance between neighbours, as a share of a number at most; that of fp32 is lost in the arithmetic's. */
const ROUNDING: Readonly<Record<Float, number>> = { fp32: 0, bf16: 2 ** -8, fp16: 2 ** -11 };
const ARITHMETIC = 1e-5;

/** Sums in fp32 are as exact as their largest terms allow, which are of the size of 1 where the sum is smaller. */
const expectNear = (actual: Float64Array, wanted: Float64Array, dtype: Float): void => {
  const most = wanted.reduce((most, one) => (Number.isFinite(one) ? Math.max(most, Math.abs(one)) : most), 1);
  for (const [index, want] of wanted.entries()) {
    const got = actual[index]!;
    const tolerance = ARITHMETIC * most + ROUNDING[dtype] * Math.abs(want);
    if (!(Object.is(got, want) || Math.abs(got - want) <= tolerance))
      expect.fail(`element ${index} of ${wanted.length} is ${got}, not ${want} within ${tolerance}`);
  }
};
