/** Laws of mixtures of experts: rows that reach experts, what a layer keeps of them, and what ranks exchange. */
import { describe, expect, test } from 'vitest';
import type { Job, Layout, RecomputeModule, Software } from '../../src/scenario/job.ts';
import { layerKinds } from '../../src/scenario/layer-kind.ts';
import type { Experts } from '../../src/scenario/model.ts';
import { mixtureModel } from '../worlds/families.ts';
import { figure, tinyJob, tinySoftware } from '../worlds/jobs.ts';
import { keptBytes, layersOnce, NOTHING, tallyOf } from '../worlds/one-layer.ts';

const job = (layout: Partial<Layout> = {}, software: Partial<Software> = {}, experts: Partial<Experts> = {}): Job =>
  tinyJob({ layout, model: mixtureModel(experts), software: { ...tinySoftware, ...software } });
const experted = (asked: Job) =>
  tallyOf(asked, (context) =>
    layersOnce(context, { kinds: [layerKinds(asked.model)[0]!], recompute: NOTHING, backward: true }),
  );

const [h, k, f, count] = [256, 2, 64, 8];
const tokens = 128;

/** Bytes of a routed row: what came in, up twice, activated, in 16 bits, and its weight in fp32. */
const routedRow = (width: number): number => 2 * (h + 3 * width) + 4;
/** Bytes of a token in the router: for each of its experts a weight, a number and a place, and every expert's score. */
const ROUTING = 12 * k + 4 * count;
/** Bytes of how often each block of a sequence chose each expert: each rank knows those of all that share the sequence. */
const countsOf = (blocks: number): number => 4 * count * blocks;
/** Bytes of a layer beside the mixture, a token on one rank: input, norms, middle, qkv, heads and the softmax sums. */
const BESIDE = 2 * (4 * h + 3 * h + h) + 4 * 8;

describe('a mixture keeps each row as often as it has experts', () => {
  test('on one rank, and on expert ranks that share the experts', () => {
    for (const ep of [1, 2, 4, 8])
      expect(keptBytes(job({ dp: ep, ep }))).toBe(tokens * (BESIDE + ROUTING + k * routedRow(f)) + countsOf(1));
  });
  test("on an expert's tensor ranks the rows of both, of half the width", () => {
    const rows = tokens / 2;
    const beside = rows * 2 * 4 * h + (tokens / 2) * (2 * (3 * h + h) + 4 * 8);
    const kept = keptBytes(job({ tp: 2, sequenceParallel: true, etp: 2 }));
    expect(kept).toBe(beside + rows * ROUTING + countsOf(2) + 2 * rows * k * routedRow(f / 2));
  });
  test('more on the busiest rank, but only where there are several', () => {
    const uneven = { expertImbalance: figure(1.3) } as Partial<Software>;
    const worked = Math.ceil(tokens * k * 1.3);
    const kept = tokens * (BESIDE + ROUTING) + countsOf(1) + worked * routedRow(f);
    expect(keptBytes(job({ dp: 2, ep: 2 }, uneven))).toBe(kept);
    expect(keptBytes(job({}, uneven))).toBe(keptBytes(job()));
  });
  test('padded to its capacity', () => {
    for (const capacity of [0.5, 1, 1.1, 2]) {
      const padded = count * Math.ceil((tokens * k * capacity) / count);
      const kept = keptBytes(job({ dp: 4, ep: 4 }, { expertCapacity: capacity }));
      expect(kept).toBe(tokens * (BESIDE + ROUTING) + countsOf(1) + padded * routedRow(f));
    }
  });
});

test('each module of selective recomputation gives back its own tensors', () => {
  const all = job({}, {}, { sharedFfn: 128, sharedGate: true });
  const gives = (...modules: RecomputeModule[]): number => keptBytes(all) - keptBytes(all, new Set(modules));
  const shared = tokens * 2 * (3 * 128 + h + 1);
  const routed = tokens * (ROUTING + k * routedRow(f)) + countsOf(1);
  expect(gives('moe_act')).toBe(tokens * k * 2 * f);
  expect(gives('shared_experts')).toBe(shared);
  expect(gives('moe')).toBe(routed + shared);
  expect(gives('moe', 'moe_act', 'shared_experts')).toBe(routed + shared);
  expect(gives('mlp', 'mlp_act')).toBe(0);
  expect(gives('layernorm')).toBe(2 * 2 * h * tokens);
});

test('what is computed again of a mixture is what was dropped of it', () => {
  const all = job({}, {}, { sharedFfn: 128 });
  const again = (module: RecomputeModule): number =>
    tallyOf(all, (context) =>
      layersOnce(context, { kinds: [layerKinds(all.model)[0]!], recompute: new Set([module]), backward: true }),
    ).products.again;
  const shared = 2 * tokens * 3 * h * 128;
  const routed = 2 * tokens * (k * 3 * h * f + h * count);
  expect(again('moe_act')).toBe(0);
  expect(again('shared_experts')).toBe(shared);
  expect(again('moe')).toBe(routed + shared);
});

test('rows and their weights go to the experts and come back, forward and backward, once it is known how many', () => {
  const rowCounts = 4 * count;
  const bytes = tokens * k * 2 * h;
  const weights = tokens * k * 4;
  for (const ep of [2, 4, 8]) {
    const { trips } = experted(job({ dp: ep, ep }));
    // Weights travel to the experts only, and their gradients back.
    expect(trips.ep).toBe(4 * bytes + 2 * weights + rowCounts);
    expect(trips.etp).toBe(0);
  }
  expect(experted(job()).trips.ep).toBe(0);
  const split = experted(job({ tp: 2, sequenceParallel: true, etp: 2 }));
  // Gathered from both ranks, and reduced to both, each way; every rank has half of the rows.
  expect(split.trips.etp).toBe(4 * bytes + 2 * weights + 2 * rowCounts);
});

test('ranks of one expert group work alike', () => {
  const asked = job({ tp: 2, sequenceParallel: true, dp: 4, ep: 4, etp: 2 });
  const kinds = [layerKinds(asked.model)[0]!];
  const works = Array.from(
    { length: 8 },
    (_, self) =>
      tallyOf(asked, (context) => layersOnce(context, { kinds, recompute: NOTHING, backward: true }), self).products,
  );
  for (const work of works) expect(work).toEqual(works[0]);
});
