/** Laws of context parallelism: queries meet the same keys as on one rank, every rank as many, and bytes follow the formulas. */
import { expect, test } from 'vitest';
import { pairsInRing, pairsWithin } from '../../src/model/attention-pairs.ts';
import type { Layout } from '../../src/scenario/job.ts';
import { layerKinds } from '../../src/scenario/layer-kind.ts';
import type { Model } from '../../src/scenario/model.ts';
import { positions } from '../worlds/collective-case.ts';
import { latentModel } from '../worlds/families.ts';
import { tinyJob } from '../worlds/jobs.ts';
import { keptBytes, layersOnce, NOTHING, tallyOf } from '../worlds/one-layer.ts';

const WINDOWS = [null, 1, 2, 3, 7, 8, 16, 31, 48, 1000] as const;

/** Pairs of a query and a key of two sets of positions, one by one. */
const counted = (queries: readonly number[], keys: readonly number[], window: number | null): number =>
  queries.reduce(
    (total, query) => total + keys.filter((key) => key <= query && query - key < (window ?? Infinity)).length,
    0,
  );

test('a causal query meets itself and those before it, as far back as its window goes', () => {
  for (const sequence of [1, 2, 16, 48])
    for (const window of WINDOWS)
      expect(pairsWithin(sequence, window)).toBe(counted(positions(sequence), positions(sequence), window));
});

test('the steps of a ring meet the pairs of the pieces that come together in them', () => {
  for (const ranks of [1, 2, 3, 4])
    for (const window of WINDOWS) {
      const sequence = 48;
      const piece = sequence / (2 * ranks);
      const held = (rank: number): readonly number[] =>
        positions(sequence).filter((token) => [rank, 2 * ranks - 1 - rank].includes(Math.floor(token / piece)));
      for (const step of positions(ranks)) {
        const met = positions(ranks).map((rank) => counted(held(rank), held((rank - step + ranks) % ranks), window));
        expect(ranks * pairsInRing({ step, ranks }, sequence, window)).toBeCloseTo(
          met.reduce((a, b) => a + b, 0),
          9,
        );
        // Without a window every rank meets as many, and in a later step half of what there is.
        if (window !== null) continue;
        expect(new Set(met).size).toBe(1);
        if (step > 0) expect(met[0]).toBe((sequence / ranks) ** 2 / 2);
      }
    }
});

const work = (layout: Partial<Layout>, model: Partial<Model> = {}, self = 0) => {
  const job = tinyJob({ layout, model });
  const kinds = [layerKinds(job.model)[0]!];
  return tallyOf(job, (context) => layersOnce(context, { kinds, recompute: NOTHING, backward: true }), self);
};

test('every context rank does as much, and together they do what one rank does', () => {
  for (const contextKind of ['ring', 'all-to-all'] as const)
    for (const cp of [2, 4, 8]) {
      const alone = work({}).products;
      const each = positions(cp).map((self) => work({ cp, contextKind }, {}, self).products);
      for (const one of each) expect(one).toEqual(each[0]);
      for (const kind of ['matrix', 'flashForward', 'flashBackward'] as const)
        expect(cp * each[0]![kind]).toBe(alone[kind]);
    }
});

test('keys and values go round the ring forward and backward, and their gradients once and home', () => {
  for (const cp of [2, 4, 8])
    for (const [model, width] of [
      [{ kvHeads: 4 }, 2 * 4 * 32],
      [latentModel(96), 8 * (48 + 24)],
    ] as const) {
      const block = 2 * width * (128 / cp);
      expect(work({ cp, contextKind: 'ring' }, model).trips.cp).toBe((2 * (cp - 1) + cp) * block);
    }
});

test('queries, keys, values and outputs are exchanged for heads, and their gradients back', () => {
  for (const cp of [2, 4]) {
    const part = 2 * (128 / cp) * 32;
    expect(work({ cp, contextKind: 'all-to-all' }, { kvHeads: 4 }).trips.cp).toBe(2 * part * (8 + 2 * 4 + 8));
  }
});

test('in a ring a rank keeps its part of what one rank keeps; with heads exchanged, outputs of both kinds', () => {
  const alone = keptBytes(tinyJob());
  for (const cp of [2, 4, 8]) {
    expect(keptBytes(tinyJob({ layout: { cp, contextKind: 'ring' } }))).toBe(alone / cp);
    const output = (2 * 256 * 128) / cp;
    const exchanged = tinyJob({ layout: { cp, contextKind: 'all-to-all' } });
    expect(keptBytes(exchanged)).toBe(alone / cp + output);
    // Dropped, the core keeps what came from the projections instead of what was exchanged, and no other output.
    expect(keptBytes(exchanged, new Set(['core_attn']))).toBe((alone - 4 * 8 * 128) / cp);
  }
});
