/** Sums, rotations and copies to try: in place or not, of whole tensors and of parts of their rows. */
import fc from 'fast-check';
import type { Run } from '../../src/kernels/op/routing.ts';
import { anyPositions, anySeed } from './attention-operations.ts';
import { anySize, sumOf } from './dense-operations.ts';
import type { Filled, Float, Trial } from './filled.ts';
import { allRowsOf, Draw, FLOATS, unwritten } from './filled.ts';

export const anyResidual = (dtype: Float): fc.Arbitrary<Trial> =>
  fc.tuple(anySize, anySize, fc.boolean(), anySeed).map(([rows, columns, bias, seed]) => {
    const draw = new Draw(seed);
    const sum = (): Filled => draw.tensor(dtype, [rows, columns]);
    return {
      op: { kind: 'residual', pass: 'forward', elements: rows * columns, dropout: false, bias, dtype },
      inputs: [sum(), sum(), ...(bias ? [draw.tensor(dtype, [columns])] : [])],
      outputs: [unwritten(dtype, [rows, columns])],
    };
  });

/** Of two numbers or, when there is only one, a copy; in place or not. */
export const anySum = (kind: 'add' | 'accumulate', dtype: Float): fc.Arbitrary<Trial> =>
  fc
    .tuple(fc.integer({ min: 1, max: 150 }), fc.boolean(), fc.boolean(), anySeed)
    .map(([elements, inPlace, two, seed]) => {
      const draw = new Draw(seed);
      const [first, second] = [0, 1].map(() => draw.tensor(dtype, [elements]));
      const fresh = unwritten(dtype, [elements]);
      const isSum = kind === 'add' || two;
      return {
        op: { kind, elements, dtype },
        inputs: isSum ? [first!, second!] : [first!],
        outputs: [isSum && (inPlace || kind === 'accumulate') ? first! : fresh],
      };
    });

export const anyRope = (dtype: Float): fc.Arbitrary<Trial> =>
  fc
    .record({
      near: fc.integer({ min: 1, max: 2 }).chain(anyPositions),
      /** So far on, an angle in fp32 would be off by more than is allowed. */
      further: fc.constantFrom(0, 50_000),
      heads: fc.array(fc.nat(3), { minLength: 1, maxLength: 2 }),
      pairs: fc.integer({ min: 1, max: 11 }),
      margin: fc.nat(3),
      isInverse: fc.boolean(),
      seed: anySeed,
    })
    .map(({ near, further, heads, pairs, margin, isInverse, seed }) => {
      const draw = new Draw(seed);
      const at = { ...near, starts: near.starts.map((start) => start + further) };
      const rows = allRowsOf(at);
      const headDim = 2 * pairs;
      const tensors = heads.map((count) => draw.tensor(dtype, [rows, count * headDim + margin + 1]));
      const elements = rows * sumOf(heads) * headDim;
      return {
        op: { kind: 'rope', elements, heads, headDim, base: 10_000, isInverse, at, dtype },
        inputs: tensors,
        outputs: tensors,
      };
    });

export const anyCast = (dtype: Float): fc.Arbitrary<Trial> =>
  fc.tuple(fc.constantFrom(...FLOATS), fc.integer({ min: 1, max: 150 }), anySeed).map(([to, elements, seed]) => {
    const draw = new Draw(seed);
    return {
      op: { kind: 'cast', elements, from: dtype, to },
      inputs: [draw.tensor(dtype, [elements], [-300, 300])],
      outputs: [unwritten(to, [elements])],
    };
  });

/** Runs that are read in one order of three axes, some of them again and again, and written in another, behind one another. */
export const anyCopy = (dtype: Float): fc.Arbitrary<Trial> =>
  fc
    .array(
      fc.record({
        counts: fc.tuple(
          fc.integer({ min: 1, max: 4 }),
          fc.integer({ min: 1, max: 4 }),
          fc.integer({ min: 1, max: 4 }),
        ),
        run: fc.integer({ min: 1, max: 9 }),
        start: fc.nat(3),
        isRepeated: fc.boolean(),
        isTurned: fc.boolean(),
      }),
      { minLength: 1, maxLength: 3 },
    )
    .chain((pieces) => anySeed.map((seed) => copyOf(dtype, pieces, new Draw(seed))));

interface Piece {
  readonly counts: [number, number, number];
  readonly run: number;
  readonly start: number;
  readonly isRepeated: boolean;
  readonly isTurned: boolean;
}
const copyOf = (dtype: Float, pieces: readonly Piece[], draw: Draw): Trial => {
  let written = 0;
  const runs = pieces.map(({ counts, run, start, isRepeated, isTurned }, from): Run => {
    const [a, b, c] = counts;
    const toStart = written;
    written += a * b * c * run;
    return {
      from,
      to: 0,
      fromStart: start,
      toStart,
      run,
      counts,
      fromStrides: [isRepeated ? 0 : b * c * run, c * run, run],
      toStrides: isTurned ? [run, a * run, a * b * run] : [b * c * run, c * run, run],
    };
  });
  const inputs = pieces.map(({ counts: [a, b, c], run, start }) => draw.tensor(dtype, [start + a * b * c * run]));
  // What stands behind the runs stays.
  const outputs = [draw.tensor(dtype, [written + 2])];
  return { op: { kind: 'copy', read: written, written, runs, dtype }, inputs, outputs };
};
