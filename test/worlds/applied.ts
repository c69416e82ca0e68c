/** Operations of the reference on plain numbers, as the laws of its arithmetic need them. */
import { expect } from 'vitest';
import type { Op } from '../../src/kernels/op.ts';
import { operate } from '../../src/kernels/reference/operations.ts';
import type { Draw } from './filled.ts';

export type Numbers = Float64Array;

export const zeros = (length: number): Numbers => new Float64Array(length);
/** What an output may hold that is not added to. */
export const garbage = (length: number): Numbers => zeros(length).fill(NaN);
export const drawn = (draw: Draw, length: number): Numbers => Float64Array.from({ length }, () => draw.between(-2, 2));
export const dot = (a: Numbers, b: Numbers): number => a.reduce((sum, one, index) => sum + one * b[index]!, 0);
export const valuesOf = (tensors: readonly { readonly values: Numbers }[]): Numbers[] =>
  tensors.map(({ values }) => values);

/** The outputs afterwards, if they held these numbers before. */
export const applied = (op: Op, inputs: readonly Numbers[], before: readonly Numbers[]): Numbers[] => {
  const outputs = before.map((one) => one.slice());
  operate(op, inputs, outputs);
  return outputs;
};
export const expectEqual = (actual: Numbers, wanted: Numbers): void => {
  expect(actual.length).toBe(wanted.length);
  for (const [index, want] of wanted.entries())
    if (!(Object.is(actual[index], want) || Math.abs(actual[index]! - want) < 1e-10))
      expect.fail(`element ${index} is ${actual[index]}, not ${want}`);
};
