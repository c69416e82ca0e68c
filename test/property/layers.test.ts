/** Laws of layers of every kind: what they multiply, what they keep, and that they leave nothing behind. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Program } from '../../src/effects/effect.ts';
import type { Job, Layout, RecomputeModule } from '../../src/scenario/job.ts';
import { RECOMPUTE_MODULES } from '../../src/scenario/job.ts';
import type { Model } from '../../src/scenario/model.ts';
import { layerKinds } from '../../src/scenario/layer-kind.ts';
import { FAMILIES, latentModel } from '../worlds/families.ts';
import { figure, tinyJob, tinySoftware } from '../worlds/jobs.ts';
import { keptBytes, layerProducts, layersOnce, tallyOf } from '../worlds/one-layer.ts';

const LAYOUTS: readonly Partial<Layout>[] = [
  {},
  { tp: 2, sequenceParallel: true },
  { tp: 4, sequenceParallel: true, etp: 2, ep: 2 },
  { cp: 2, contextKind: 'ring' },
  { cp: 4, contextKind: 'ring', ep: 4 },
  { cp: 2, contextKind: 'all-to-all', tp: 2, sequenceParallel: true, ep: 2 },
  { dp: 4, ep: 4, microbatch: 2 },
  { dp: 8, ep: 8 },
  { tp: 2, sequenceParallel: true, cp: 2, dp: 2, ep: 4, etp: 2 },
];

const anyLayerJob: fc.Arbitrary<Job> = fc
  .record({
    model: fc.constantFrom(...Object.values(FAMILIES)),
    layout: fc.constantFrom(...LAYOUTS),
    precision: fc.constantFrom('bf16' as const, 'fp8-block' as const, 'fp32' as const),
    attention: fc.constantFrom('flash' as const, 'unfused' as const),
    overlap: fc.boolean(),
    capacity: fc.constantFrom(null, 1, 1.25),
    imbalance: fc.constantFrom(1, 1.3),
  })
  .map(({ model, layout, precision, attention, overlap, capacity, imbalance }) =>
    tinyJob({
      model,
      layout,
      precision,
      software: { ...tinySoftware, attention, overlap, expertCapacity: capacity, expertImbalance: figure(imbalance) },
    }),
  );
const anyModules: fc.Arbitrary<ReadonlySet<RecomputeModule>> = fc
  .subarray([...RECOMPUTE_MODULES])
  .map((modules) => new Set(modules));

test('a layer gives back all that it allocates, whatever it is made of, split over, and computes again', () => {
  fc.assert(
    fc.property(anyLayerJob, fc.oneof(fc.constant('all' as const), anyModules), (job, recompute) => {
      const kinds = layerKinds(job.model).slice(0, 6);
      const { held } = tallyOf(job, (context) => layersOnce(context, { kinds, recompute, backward: true }));
      const { weights, gradients, ...rest } = held;
      expect(Math.min(weights, gradients)).toBeGreaterThan(0);
      expect(Math.max(...Object.values(rest))).toBe(0);
      expect(Math.min(...Object.values(rest))).toBe(0);
    }),
    { numRuns: 400 },
  );
});

test('what is put off for the weights is the rest of the same work, and then nothing is left either', () => {
  fc.assert(
    fc.property(anyLayerJob, fc.oneof(fc.constant('all' as const), anyModules), (job, recompute) => {
      const kinds = layerKinds(job.model).slice(0, 2);
      const run = { kinds, recompute, backward: true };
      const atOnce = tallyOf(job, (context) => layersOnce(context, run));
      const apart = tallyOf(job, function* (context) {
        const deferred: (() => Program<void>)[] = [];
        yield* layersOnce({ ...context, deferred }, run);
        expect(deferred.length).toBeGreaterThan(0);
        for (const rest of deferred) yield* rest();
      });
      expect(apart.products).toEqual(atOnce.products);
      expect(apart.held).toEqual(atOnce.held);
    }),
    { numRuns: 200 },
  );
});

/** Products of one token in the matrices of a layer, forward, by the formulas of the papers. */
const matrixElements = (model: Model, index: number): number => {
  const { hidden: h, heads: a, kvHeads: k, headDim: d, ffn, gated, experts } = model;
  const kind = layerKinds(model)[index]!;
  const inputs = gated ? 3 : 2;
  const into =
    model.latent === null
      ? h * (a + (kind.ownsKeys ? 2 * k : 0)) * d
      : (({ queryRank, kvRank, plainDim, ropeDim }) =>
          (queryRank === null ? h : queryRank) * a * (plainDim + ropeDim) +
          h * (queryRank ?? 0) +
          h * (kvRank + ropeDim) +
          kvRank * a * (plainDim + d))(model.latent);
  const mlp =
    experts === null || !kind.hasExperts
      ? inputs * h * ffn
      : inputs * h * (experts.active * experts.ffn + experts.sharedFfn) +
        h * experts.count +
        (experts.sharedGate ? h : 0);
  return into + a * d * h + mlp;
};
/** Pairs under a causal mask, and under one with a window, counted one by one. */
const pairs = (sequence: number, window: number | null): number =>
  Array.from({ length: sequence }, (_, query) => Math.min(query + 1, window ?? sequence)).reduce((x, y) => x + y, 0);

describe('on every layout the ranks together multiply what the formulas of the model say', () => {
  test.each(Object.entries(FAMILIES))('%s', (_, model) => {
    for (const layout of LAYOUTS) {
      const job = tinyJob({ model, layout });
      const { sequence } = job.workload;
      const sequences = job.layout.microbatch * job.layout.dp;
      const { heads, headDim, latent: by } = job.model;
      const keyDim = by === null ? headDim : by.plainDim + by.ropeDim;
      for (const index of [0, 1]) {
        const kinds =
          job.model.kvShare > 1 ? layerKinds(job.model).slice(0, index + 1) : [layerKinds(job.model)[index]!];
        const met = kinds.reduce((total, { window }) => total + pairs(sequence, window), 0);
        const matrices = kinds.reduce(
          (total, kind) => total + matrixElements(job.model, layerKinds(job.model).indexOf(kind)),
          0,
        );
        const products = layerProducts(job, kinds);
        expect(products.matrix).toBe(6 * sequences * sequence * matrices);
        expect(products.flashForward).toBe(2 * sequences * heads * met * (keyDim + headDim));
        expect(products.flashBackward).toBe(2 * sequences * heads * met * (3 * keyDim + 2 * headDim));
      }
    }
  });
});

test('a latent layer keeps its latents, and what was projected up from them unless that is dropped', () => {
  for (const tp of [1, 2, 4])
    for (const queryRank of [null, 96]) {
      const job = tinyJob({ model: latentModel(queryRank), layout: { tp, sequenceParallel: tp > 1 } });
      const { hidden: h, heads, ffn } = job.model;
      const tokens = job.workload.sequence;
      const a = heads / tp;
      // Input, two norms, the middle, and the latents with their norms, on this rank's rows.
      const latents = (queryRank ?? 0) * 2 + (64 + 16) + 64;
      const rows = (2 * (4 * h + latents) * tokens) / tp;
      const up = 2 * a * (48 + 48 + 24) * tokens;
      const rest = (2 * a * 24 + 4 * a + (2 * 2 * ffn) / tp) * tokens;
      expect(keptBytes(job)).toBe(rows + up + rest);
      expect(keptBytes(job, new Set(['mla_up_proj']))).toBe(rows + rest);
    }
});

test('each module of selective recomputation gives back its own tensors', () => {
  const job = tinyJob({ model: { gated: true } });
  const { hidden: h, ffn } = job.model;
  const tokens = job.workload.sequence;
  const gives = (...modules: RecomputeModule[]): number => (keptBytes(job) - keptBytes(job, new Set(modules))) / tokens;
  expect(gives('layernorm')).toBe(2 * 2 * h);
  expect(gives('mlp_act')).toBe(2 * ffn);
  expect(gives('mlp')).toBe(2 * 3 * ffn);
  expect(gives('mlp', 'mlp_act')).toBe(2 * 3 * ffn);
  expect(gives('core_attn')).toBe(4 * job.model.heads);
  expect(gives('moe', 'moe_act', 'shared_experts', 'mla_up_proj')).toBe(0);
});

test('layers that share keys keep one copy of them, and queries of their own', () => {
  const job = tinyJob({ model: { kvShare: 2, kvHeads: 4, headDim: 32 } });
  const [owner, sharer] = layerKinds(job.model);
  const kept = (kinds: typeof owner extends undefined ? never : NonNullable<typeof owner>[]): number =>
    tallyOf(job, (context) => layersOnce(context, { kinds, recompute: new Set(), backward: false })).held.activations;
  const keys = 2 * 2 * 4 * 32 * job.workload.sequence;
  const one = kept([owner!]);
  expect(kept([owner!, sharer!])).toBe(2 * one - keys);
  const again = tallyOf(job, (context) =>
    layersOnce(context, { kinds: [owner!, sharer!], recompute: 'all', backward: false }),
  );
  expect(again.held.activations).toBe(2 * 2 * job.model.hidden * job.workload.sequence + keys);
});
