/** Laws of the values a model begins with: the same whatever the layout, and drawn as they say they are. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ShareRun } from '../../src/effects/share.ts';
import { placeInWhole } from '../../src/effects/share.ts';
import { initialise } from '../../src/exec/checkpoint/initial-values.ts';
import { philox } from '../../src/exec/checkpoint/philox.ts';
import { wholeRun } from '../../src/exec/checkpoint/ranges.ts';
import { anyLayout, anyModel, runsOf, shapeOf } from '../worlds/any-layout.ts';

const valuesOf = (run: ShareRun, seed: number): Float32Array => {
  const into = new Float32Array(run.length).fill(NaN);
  initialise(run, seed, into);
  return into;
};
const normal = (name: string, shape: readonly number[], deviation: number): ShareRun => {
  const run = wholeRun(name, shape);
  return { ...run, share: { ...run.share, initial: { kind: 'normal', deviation } } };
};

/** `tests/kat_vectors` of Random123 (https://github.com/DEShawResearch/random123). */
test('the generator gives the answers that its authors publish', () => {
  const all = 0xffff_ffff;
  const answers = [
    [[0, 0], [0, 0, 0, 0], '6627e8d5 e169c58d bc57ac4c 9b00dbd8'],
    [[all, all], [all, all, all, all], '408f276d 41c83b0e a20bc7c6 6d5451fd'],
    [
      [0xa409_3822, 0x299f_31d0],
      [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
      'd16cfe09 94fdcceb 5001e420 24126ea1',
    ],
  ] as const;
  for (const [key, counter, answer] of answers) {
    const words = new Uint32Array(4);
    philox(words, key, counter);
    expect([...words].map((word) => word.toString(16).padStart(8, '0')).join(' ')).toBe(answer);
  }
});

test('every layout begins with the same model, bit for bit, and with zeros for padding', () => {
  fc.assert(
    fc.property(anyModel, anyLayout, fc.nat(), (model, layout, seed) => {
      const wholes = new Map(
        model.map((whole) => [whole.name, valuesOf(normal(whole.name, shapeOf(whole), 0.02), seed)]),
      );
      for (const run of runsOf(model, layout).flat()) {
        const places = Array.from({ length: run.length }, (_, local) => placeInWhole(run.share, run.start + local));
        const expected = places.map((place) => (place === null ? 0 : wholes.get(run.share.name)![place]!));
        expect([...valuesOf(run, seed)]).toEqual(expected);
      }
    }),
  );
});

test('initial values are normal: mean, spread and tails; neighbours, tensors and seeds tell nothing of each other', () => {
  const count = 400_000;
  const moments = (a: Float32Array, b: Float32Array): number =>
    a.reduce((sum, value, index) => sum + value * b[index]!, 0) / count;
  for (const deviation of [1, 0.02]) {
    const values = valuesOf(normal('a', [count], deviation), 1).map((value) => value / deviation);
    // Six standard errors: one run in 10^9 would fail by chance, and the seed is fixed.
    const within = (value: number, wanted: number, spread: number): void =>
      expect(Math.abs(value - wanted)).toBeLessThan((6 * spread) / Math.sqrt(count));
    within(values.reduce((sum, value) => sum + value, 0) / count, 0, 1);
    within(moments(values, values), 1, Math.sqrt(2));
    within(values.filter((value) => Math.abs(value) > 2).length / count, 0.0455, 0.21);
    within(values.filter((value) => Math.abs(value) > 3).length / count, 0.0027, 0.052);
    for (const other of [
      values.map((_, index) => values[(index + 1) % count]!),
      values.map((_, index) => values[(index + 2) % count]!),
      valuesOf(normal('b', [count], 1), 1),
      valuesOf(normal('a', [count], 1), 2),
    ])
      within(moments(values, other), 0, 1);
  }
});

test('a constant is the same everywhere but in the padding', () => {
  const [run] = runsOf([{ name: 'bias', outer: 1, groups: [5], inner: 1, divides: false }], {
    tensorRanks: 4,
    cuts: [],
  }).at(2)!;
  const { share } = run!;
  expect([...valuesOf({ ...run!, share: { ...share, initial: { kind: 'constant', value: 3 } } }, 1)]).toEqual([3, 0]);
});
