/** Operands that hold numbers, and one operation on them: what backends and the reference are tried with. */
import fc from 'fast-check';
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import type { Dtype } from '../../src/kernels/dtype.ts';
import { rounded } from '../../src/kernels/number-format.ts';
import type { Op } from '../../src/kernels/op.ts';
import type { Positions } from '../../src/kernels/op/positions.ts';
import { rowsOf } from '../../src/kernels/op/positions.ts';
import { operate } from '../../src/kernels/reference/operations.ts';

/** A tensor whose numbers all exist in its format. */
export interface Filled {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly values: Float64Array;
}

/** An operation on operands; one that is computed in place is the same object among inputs and outputs. */
export interface Trial {
  readonly op: Op;
  readonly inputs: readonly Filled[];
  readonly outputs: readonly Filled[];
}

/** Formats that activations are kept in. */
export const FLOATS = ['fp32', 'bf16', 'fp16'] as const;
export type Float = (typeof FLOATS)[number];

export const sizeOf = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1);
export const filled = (dtype: Dtype, shape: readonly number[], values: ArrayLike<number>): Filled => {
  if (values.length !== sizeOf(shape))
    throw new RangeError(`${shape.join(' x ')} numbers were wanted, not ${values.length}`);
  return { dtype, shape, values: rounded(dtype, values) };
};

/** What is written over whatever memory held, which may have been no number. */
export const unwritten = (dtype: Dtype, shape: readonly number[]): Filled =>
  filled(dtype, shape, new Float64Array(sizeOf(shape)).fill(NaN));

/** Numbers of everyday size: most of what `fc.double` gives is next to nothing. */
export const anyNumber = (most: number): fc.Arbitrary<number> =>
  fc.integer({ min: -1_000_000, max: 1_000_000 }).map((part) => (part / 1_000_000) * most);

/** Draws tensors from a seed, between -2 and 2 if nothing else is said. */
export class Draw {
  readonly #generator: ReturnType<typeof xoroshiro128plus>;
  constructor(seed: number) {
    this.#generator = xoroshiro128plus(seed);
  }
  between(least: number, most: number): number {
    return least + (most - least) * uniformFloat64(this.#generator);
  }
  /** From `least` to `most`, both included. */
  whole(least: number, most: number): number {
    return Math.floor(this.between(least, most + 1));
  }
  tensor(dtype: Dtype, shape: readonly number[], [least, most]: readonly [number, number] = [-2, 2]): Filled {
    return filled(
      dtype,
      shape,
      Float64Array.from({ length: sizeOf(shape) }, () => this.between(least, most)),
    );
  }
  wholes(shape: readonly number[], [least, most]: readonly [number, number]): Filled {
    return filled(
      'int32',
      shape,
      Float64Array.from({ length: sizeOf(shape) }, () => this.whole(least, most)),
    );
  }
}

/** What the operation's outputs hold afterwards by the reference, unrounded. */
export const computed = ({ op, inputs, outputs }: Trial): Float64Array[] => {
  const results = outputs.map(({ values }) => Float64Array.from(values));
  operate(
    op,
    inputs.map(({ values }) => Float64Array.from(values)),
    results,
  );
  return results;
};

/** The same, each in the format of its output. */
export const results = (trial: Trial): Filled[] =>
  computed(trial).map((values, index) => filled(trial.outputs[index]!.dtype, trial.outputs[index]!.shape, values));

export const allRowsOf = (at: Positions): number => at.batch * rowsOf(at);
