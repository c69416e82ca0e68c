/** Products, norms and activations to try: columns side by side, heads within rows, gates and weights. */
import fc from 'fast-check';
import type { Matmul } from '../../src/kernels/op/matmul.ts';
import { anySeed } from './attention-operations.ts';
import type { Filled, Float, Trial } from './filled.ts';
import { Draw, unwritten } from './filled.ts';

export const anySize: fc.Arbitrary<number> = fc.integer({ min: 1, max: 40 });
const anyPass = fc.constantFrom('forward' as const, 'backward' as const);
const outputOf = (dtype: Float): fc.Arbitrary<Float> => fc.constantFrom(dtype, 'fp32');

/** Columns of a few tensors side by side. */
const anyWidths = fc.array(fc.integer({ min: 1, max: 17 }), { minLength: 1, maxLength: 3 });
export const sumOf = (widths: readonly number[]): number => widths.reduce((sum, width) => sum + width, 0);

export const anyMatmul = (dtype: Float): fc.Arbitrary<Trial> =>
  fc
    .record({
      transpose: fc.constantFrom('nn' as const, 'nt' as const, 'tn' as const),
      batch: fc.constantFrom(1, 1, 1, 2),
      widths: anyWidths,
      sides: fc.tuple(anySize, anySize),
      output: outputOf(dtype),
      accumulates: fc.boolean(),
      bias: fc.boolean(),
      seed: anySeed,
    })
    .map(({ transpose, batch, widths, sides, output, accumulates, bias, seed }) => {
      const draw = new Draw(seed);
      const [m, other] = sides;
      const [n, k] = transpose === 'nt' ? [other, sumOf(widths)] : [sumOf(widths), other];
      const list = (rows: number): Filled[] => widths.map((width) => draw.tensor(dtype, [batch, rows, width]));
      const matrix = (rows: number, columns: number): Filled => draw.tensor(dtype, [batch, rows, columns]);
      const hasBias = bias && transpose === 'nn' && !accumulates;
      const op: Matmul = {
        kind: 'matmul',
        m,
        n,
        k,
        batch,
        transpose,
        dtype,
        output,
        accumulates,
        bias: hasBias,
        isAttention: false,
      };
      const written = (columns: number): Filled =>
        accumulates ? draw.tensor(output, [batch, m, columns]) : unwritten(output, [batch, m, columns]);
      switch (transpose) {
        case 'nn': {
          const inputs = [matrix(m, k), matrix(k, n), ...(hasBias ? [draw.tensor(dtype, [n])] : [])];
          return { op, inputs, outputs: widths.map(written) };
        }
        case 'nt':
          return { op, inputs: [...list(m), matrix(n, k)], outputs: [written(n)] };
        case 'tn':
          return { op, inputs: [matrix(k, m), ...list(k)], outputs: [written(n)] };
        default:
          return transpose satisfies never;
      }
    });

export const anyBiasGradient = (dtype: Float): fc.Arbitrary<Trial> =>
  fc
    .record({ rows: anySize, widths: anyWidths, output: outputOf(dtype), seed: anySeed })
    .map(({ rows, widths, output, seed }) => {
      const draw = new Draw(seed);
      return {
        op: { kind: 'bias-gradient', rows, columns: sumOf(widths), dtype },
        inputs: widths.map((width) => draw.tensor(dtype, [rows, width])),
        outputs: [draw.tensor(output, [sumOf(widths)])],
      };
    });

/** A small epsilon would let the rounding of nearly equal numbers show in narrow rows. */
const epsilonOf = (hidden: number): number => (hidden < 8 ? 0.1 : 1e-5);

const anyRowNorm = (dtype: Float): fc.Arbitrary<Trial> =>
  fc
    .record({
      norm: fc.constantFrom('layernorm' as const, 'rmsnorm' as const),
      pass: anyPass,
      rows: fc.integer({ min: 1, max: 12 }),
      hidden: fc.integer({ min: 1, max: 70 }),
      gradient: outputOf(dtype),
      seed: anySeed,
    })
    .map(({ norm, pass, rows, hidden, gradient, seed }) => {
      const draw = new Draw(seed);
      const bias = norm === 'layernorm';
      const row = (dtype: Float): Filled => draw.tensor(dtype, [hidden]);
      const whole = (): Filled => draw.tensor(dtype, [rows, hidden]);
      return {
        op: { kind: 'norm', norm, pass, rows, hidden, epsilon: epsilonOf(hidden), dtype, heads: null },
        ...(pass === 'forward'
          ? {
              inputs: [whole(), row(dtype), ...(bias ? [row(dtype)] : [])],
              outputs: [unwritten(dtype, [rows, hidden])],
            }
          : {
              inputs: [whole(), row(dtype), whole()],
              outputs: [unwritten(dtype, [rows, hidden]), row(gradient), ...(bias ? [row(gradient)] : [])],
            }),
      };
    });

/** Several norms in each row of wider tensors. */
const anyHeadNorm = (dtype: Float): fc.Arbitrary<Trial> =>
  fc
    .record({
      pass: anyPass,
      shape: fc.tuple(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 4 }), anySize),
      starts: fc.tuple(fc.nat(5), fc.nat(5)),
      tensor: fc.nat(1),
      gradient: outputOf(dtype),
      seed: anySeed,
    })
    .map(({ pass, shape: [rows, perRow, hidden], starts: [start, toStart], tensor, gradient, seed }) => {
      const draw = new Draw(seed);
      const [stride, toStride] = [start + perRow * hidden + 3, toStart + perRow * hidden + 2];
      const from = { tensor, start, stride };
      const raw = [draw.tensor(dtype, [rows, stride]), draw.tensor(dtype, [rows, stride])];
      const to = draw.tensor(dtype, [rows, toStride]);
      const gain = draw.tensor(dtype, [hidden]);
      const isForward = pass === 'forward';
      return {
        op: {
          kind: 'norm',
          norm: 'rmsnorm',
          pass,
          rows: rows * perRow,
          hidden,
          epsilon: epsilonOf(hidden),
          dtype,
          heads: { perRow, from, to: { tensor: 0, start: toStart, stride: toStride } },
        },
        inputs: [...raw, gain, ...(isForward ? [] : [to])],
        outputs: [to, ...(isForward ? [] : [draw.tensor(gradient, [hidden])])],
      };
    });

export const anyNorm = (dtype: Float): fc.Arbitrary<Trial> => fc.oneof(anyRowNorm(dtype), anyHeadNorm(dtype));

export const anyActivation = (dtype: Float): fc.Arbitrary<Trial> =>
  fc
    .record({
      activation: fc.constantFrom('gelu' as const, 'silu' as const, 'relu' as const, 'squared-relu' as const),
      gated: fc.boolean(),
      weighted: fc.boolean(),
      pass: anyPass,
      rows: fc.integer({ min: 1, max: 9 }),
      width: anySize,
      seed: anySeed,
    })
    .map(({ rows, seed, ...shape }) => {
      const { gated, weighted, pass, width } = shape;
      const draw = new Draw(seed);
      const input = (): Filled => draw.tensor(dtype, [rows, gated ? 2 * width : width], [-5, 5]);
      const output = (): Filled => draw.tensor(dtype, [rows, width]);
      const weights = (): Filled[] => (weighted ? [draw.tensor('fp32', [rows])] : []);
      const inputs = [input(), ...weights()];
      const written = pass === 'forward' ? [output()] : inputs;
      return {
        op: { kind: 'activation', ...shape, elements: rows * width, dtype },
        inputs: pass === 'forward' ? inputs : [...inputs, output()],
        outputs: written.map(({ dtype, shape }) => unwritten(dtype, shape)),
      };
    });
