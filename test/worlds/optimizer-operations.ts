/** Steps of the optimizer to try: several pieces, with masters and without, decayed or not, clipped or skipped. */
import fc from 'fast-check';
import type { Adam } from '../../src/kernels/op/adam.ts';
import { anySeed } from './attention-operations.ts';
import type { Filled, Float, Trial } from './filled.ts';
import { anyNumber, Draw, filled, unwritten } from './filled.ts';

const anyPieces = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 3 });
const anyStep = (dtype: Float) =>
  fc.record({
    lengths: anyPieces,
    gradient: fc.constantFrom(dtype, 'fp32' as const),
    master: fc.boolean(),
    /** 0: the gradients are no numbers, and nothing may change. */
    factor: fc.constantFrom(0, 1, 0.375),
    seed: anySeed,
  });

interface Parameters {
  readonly inputs: readonly Filled[];
  readonly weights: readonly Filled[];
  readonly masters: readonly Filled[];
}
const parametersOf = (
  draw: Draw,
  dtype: Float,
  { lengths, gradient, master, factor }: { lengths: number[]; gradient: Float; master: boolean; factor: number },
): Parameters => {
  const gradients = lengths.map((length) =>
    factor === 0 ? filled(gradient, [length], new Float64Array(length).fill(NaN)) : draw.tensor(gradient, [length]),
  );
  const exact = lengths.map((length) => draw.tensor(master ? 'fp32' : dtype, [length]));
  const weights = master ? exact.map(({ shape, values }) => filled(dtype, shape, values)) : exact;
  return { inputs: [...gradients, filled('fp32', [1], [factor])], weights, masters: master ? exact : [] };
};
const sum = (lengths: readonly number[]): number => lengths.reduce((sum, length) => sum + length, 0);

export const anyAdam = (dtype: Float): fc.Arbitrary<Trial> =>
  fc
    .record({
      step: anyStep(dtype),
      on: fc.constantFrom('card' as const, 'host' as const),
      number: fc.integer({ min: 1, max: 2000 }),
      weightDecay: fc.constantFrom(0, 0.1),
    })
    .map(({ step, on, number, weightDecay }) => {
      const draw = new Draw(step.seed);
      const { inputs, weights, masters } = parametersOf(draw, dtype, step);
      const op: Adam = {
        kind: 'adam',
        elements: sum(step.lengths),
        gradient: step.gradient,
        weight: dtype,
        master: step.master,
        decays: step.lengths.map((_, index) => index % 2 === 0),
        rates: { learningRate: 0.125, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay, step: number },
        on,
      };
      const firsts = step.lengths.map((length) => draw.tensor('fp32', [length]));
      const seconds = step.lengths.map((length) => draw.tensor('fp32', [length], [0, 2]));
      return { op, inputs, outputs: [...weights, ...masters, ...firsts, ...seconds] };
    });

export const anyDescent = (dtype: Float): fc.Arbitrary<Trial> =>
  anyStep(dtype).map((step) => {
    const { inputs, weights, masters } = parametersOf(new Draw(step.seed), dtype, step);
    const { gradient, master } = step;
    const elements = sum(step.lengths);
    return {
      op: { kind: 'descent', elements, gradient, weight: dtype, master, learningRate: 0.125 },
      inputs,
      outputs: [...weights, ...masters],
    };
  });

export const anySquaredNorm = (dtype: Float): fc.Arbitrary<Trial> =>
  fc.tuple(anyPieces, anySeed).map(([lengths, seed]) => {
    const draw = new Draw(seed);
    return {
      op: { kind: 'squared-norm', elements: sum(lengths), dtype },
      inputs: lengths.map((length) => draw.tensor(dtype, [length])),
      outputs: [unwritten('fp32', [1])],
    };
  });

export const anyClipFactor = (): fc.Arbitrary<Trial> =>
  fc
    .record({
      sum: fc.oneof(fc.constantFrom(0, Infinity, NaN), anyNumber(1e3).map(Math.abs)),
      norm: fc.option(fc.constantFrom(1, 0.25)),
      scale: fc.constantFrom(1, 3, 1024),
    })
    .map(({ sum, norm, scale }) => ({
      op: { kind: 'clip-factor', norm, scale },
      inputs: [filled('fp32', [1], [sum])],
      outputs: [unwritten('fp32', [1])],
    }));

export const anyFill = (dtype: Float): fc.Arbitrary<Trial> =>
  fc.tuple(anyPieces, fc.constantFrom(0, 1, -0.3)).map(([lengths, value]) => ({
    op: { kind: 'fill', value, elements: sum(lengths), dtype },
    inputs: [],
    outputs: lengths.map((length) => unwritten(dtype, [length])),
  }));
