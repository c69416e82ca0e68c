/** What a mixture of experts is made of, to try: choices with ties, capacities, places that are nowhere, empty groups. */
import fc from 'fast-check';
import type { GroupedMatmul } from '../../src/kernels/op/grouped-matmul.ts';
import type { Balance, Capacity } from '../../src/kernels/op/routing.ts';
import { anySeed } from './attention-operations.ts';
import { positions } from './collective-case.ts';
import type { Filled, Float, Trial } from './filled.ts';
import { Draw, results, unwritten } from './filled.ts';

/** Rows in blocks, of which other ranks have more, and how many experts each chooses of how many. */
interface Choosing {
  readonly blocks: number;
  readonly blockRows: number;
  readonly allBlocks: number;
  readonly experts: number;
  readonly active: number;
  readonly seed: number;
}
const anyChoosing: fc.Arbitrary<Choosing> = fc
  .record({
    blocks: fc.integer({ min: 1, max: 4 }),
    blockRows: fc.integer({ min: 1, max: 6 }),
    others: fc.nat(3),
    experts: fc.integer({ min: 1, max: 12 }),
    active: fc.nat(11),
    seed: anySeed,
  })
  .map(({ others, active, ...rest }) => ({
    ...rest,
    allBlocks: rest.blocks + others,
    active: 1 + (active % rest.experts),
  }));

/** Scores that are often equal. */
const choiceOf = ({ blocks, blockRows, experts, active }: Choosing, draw: Draw): Trial => {
  const tokens = blocks * blockRows;
  const scores = draw.wholes([tokens, experts], [-3, 3]);
  return {
    op: { kind: 'top-k', pass: 'forward', tokens, experts, active, balance: null },
    inputs: [{ ...scores, dtype: 'fp32' }],
    outputs: [unwritten('fp32', [tokens, active]), draw.wholes([tokens, active], [0, 9])],
  };
};
/** For each of the rank's blocks some of all. */
const someBlocks = ({ blocks, allBlocks }: Choosing, draw: Draw): readonly (readonly number[])[] =>
  positions(blocks).map(() => positions(allBlocks).filter(() => draw.whole(0, 1) === 1));

const anyTopKForward = anyChoosing.chain((choosing) =>
  fc.boolean().map((hasTies): Trial => {
    const draw = new Draw(choosing.seed);
    const trial = choiceOf(choosing, draw);
    return hasTies ? trial : { ...trial, inputs: trial.inputs.map(({ shape }) => draw.tensor('fp32', shape)) };
  }),
);
const anyTopKBackward = fc.tuple(anyChoosing, fc.boolean()).map(([choosing, isBalanced]): Trial => {
  const { blockRows, allBlocks, experts, active } = choosing;
  const draw = new Draw(choosing.seed);
  const forward = choiceOf(choosing, draw);
  const [weights, numbers] = results(forward) as [Filled, Filled];
  const balance: Balance = { weight: draw.between(0, 0.3), blockRows, sequences: someBlocks(choosing, draw) };
  const read = [...forward.inputs, draw.wholes([allBlocks, experts], [0, 9])];
  const tokens = weights.shape[0]!;
  return {
    op: { kind: 'top-k', pass: 'backward', tokens, experts, active, balance: isBalanced ? balance : null },
    inputs: [weights, numbers, draw.tensor('fp32', [tokens, active]), ...(isBalanced ? read : [])],
    outputs: [unwritten('fp32', [tokens, experts])],
  };
});
export const anyTopK = (): fc.Arbitrary<Trial> => fc.oneof(anyTopKForward, anyTopKBackward);

/** What experts the rows choose, each several different ones. */
const numbersOf = (choosing: Choosing, draw: Draw): Filled => results(choiceOf(choosing, draw))[1]!;

export const anyChoiceCounts = (): fc.Arbitrary<Trial> =>
  anyChoosing.map((choosing) => {
    const { blocks, blockRows, experts, active } = choosing;
    const draw = new Draw(choosing.seed);
    return {
      op: { kind: 'choice-counts', tokens: blocks * blockRows, experts, active, blockRows },
      inputs: [numbersOf(choosing, draw)],
      outputs: [draw.wholes([blocks, experts], [0, 9])],
    };
  });

export const anyExpertPlaces = (): fc.Arbitrary<Trial> =>
  fc.tuple(anyChoosing, fc.option(fc.nat(12))).map(([choosing, most]) => {
    const { blocks, blockRows, allBlocks, experts, active } = choosing;
    const tokens = blocks * blockRows;
    const draw = new Draw(choosing.seed);
    const capacity: Capacity | null = most === null ? null : { most, blockRows, before: someBlocks(choosing, draw) };
    const counts = capacity === null ? [] : [draw.wholes([allBlocks, experts], [0, 3])];
    return {
      op: { kind: 'expert-places', tokens, experts, active, capacity },
      inputs: [numbersOf(choosing, draw), ...counts],
      outputs: [draw.wholes([tokens, active], [0, 9]), draw.wholes([experts], [0, 9])],
    };
  });

export const anyPermute = (dtype: Float): fc.Arbitrary<Trial> =>
  fc
    .record({
      direction: fc.constantFrom('spread' as const, 'gather' as const),
      tokens: fc.integer({ min: 1, max: 8 }),
      choices: fc.integer({ min: 1, max: 5 }),
      width: fc.integer({ min: 1, max: 40 }),
      nowhere: fc.nat(2),
      seed: anySeed,
    })
    .map(({ direction, tokens, choices, width, nowhere, seed }) => {
      const draw = new Draw(seed);
      const rows = tokens * choices;
      const order = positions(rows)
        .map((place) => ({ place, key: draw.between(0, 1) }))
        .toSorted((one, other) => one.key - other.key)
        .map(({ place }) => (nowhere > 0 && draw.whole(0, 3) < nowhere ? -1 : place));
      const places: Filled = { dtype: 'int32', shape: [tokens, choices], values: Float64Array.from(order) };
      const isSpread = direction === 'spread';
      return {
        op: { kind: 'permute', direction, tokens, choices, rows, width, dtype },
        inputs: [draw.tensor(dtype, [isSpread ? tokens : rows, width]), places],
        outputs: [unwritten(dtype, [isSpread ? rows : tokens, width])],
      };
    });

export const anyGroupedMatmul = (dtype: Float): fc.Arbitrary<Trial> =>
  fc
    .record({
      sizes: fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 19 })), { minLength: 1, maxLength: 4 }),
      n: fc.integer({ min: 1, max: 30 }),
      k: fc.integer({ min: 1, max: 30 }),
      transpose: fc.constantFrom('nn' as const, 'nt' as const, 'tn' as const),
      output: fc.constantFrom(dtype, 'fp32' as const),
      accumulates: fc.boolean(),
      seed: anySeed,
    })
    .map(({ seed, ...shape }) => {
      const { sizes, n, k, transpose, output, accumulates } = shape;
      const groups = sizes.length;
      const rows = sizes.reduce((sum, size) => sum + size, 0);
      const op: GroupedMatmul = { kind: 'grouped-matmul', ...shape, groups, rows, dtype };
      const draw = new Draw(seed);
      const isTn = transpose === 'tn';
      const right = { nn: [groups, k, n], nt: [groups, n, k], tn: [rows, n] }[transpose];
      const written = isTn ? [groups, k, n] : [rows, n];
      return {
        op,
        inputs: [draw.tensor(dtype, [rows, k]), draw.tensor(dtype, right)],
        outputs: [accumulates ? draw.tensor(output, written) : unwritten(output, written)],
      };
    });
