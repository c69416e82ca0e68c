/** Laws of multi-token prediction: the modules' products, the losses that the head takes of them, and that nothing is left. */
import { expect, test } from 'vitest';
import { backwardUnits, forwardUnits } from '../../src/actors/unit-pass.ts';
import type { UnitAtWork } from '../../src/actors/unit-pass.ts';
import { release, tensor } from '../../src/effects/ask.ts';
import type { Program } from '../../src/effects/effect.ts';
import type { LayerContext } from '../../src/model/context.ts';
import type { LayerRecompute } from '../../src/model/layer.ts';
import type { Unit } from '../../src/model/unit.ts';
import { HEAD, layerUnit } from '../../src/model/unit.ts';
import type { Layout } from '../../src/scenario/job.ts';
import { layerKinds, predictorKind } from '../../src/scenario/layer-kind.ts';
import { positions } from '../worlds/collective-case.ts';
import { latentModel, mixtureModel } from '../worlds/families.ts';
import { tinyJob } from '../worlds/jobs.ts';
import { NOTHING, tallyOf, unitWeights } from '../worlds/one-layer.ts';

/** The end of a model on the last of two stages: a layer, the predictors, the head. */
function* lastStage(
  context: LayerContext,
  { recompute, backward }: { recompute: LayerRecompute; backward: boolean },
): Program<void> {
  const { model } = context.job;
  const predictor: Unit = { kind: 'predictor', name: 'predictor', layer: predictorKind(model) };
  const chain = [layerUnit(layerKinds(model).at(-1)!), ...positions(model.predictors).map(() => predictor), HEAD];
  const units: UnitAtWork[] = [];
  for (const unit of chain) units.push({ unit, recompute, weights: yield* unitWeights(context, unit), tied: null });
  const input = yield* tensor([context.rows, model.hidden], context.formats.activation, 'activations');
  const labels = yield* tensor([context.tokens], 'int32', 'input');
  const total = yield* tensor([1], 'fp32', 'communication');
  const { saved } = yield* forwardUnits(context, units, { input, feed: { ids: null, labels, total } });
  yield* release(total.block);
  if (!backward) return;
  const gradient = yield* backwardUnits(context, units, { saved, gradient: null });
  expect(gradient!.shape).toEqual(input.shape);
  yield* release(gradient!.block);
}

const MODELS = [
  latentModel(96),
  mixtureModel({ sharedFfn: 64 }),
  { postNorms: true, bias: { qkv: true, attentionOut: true, mlp: true, head: true } },
];
const LAYOUTS: readonly Partial<Layout>[] = [
  {},
  { tp: 2 },
  { tp: 4, sequenceParallel: true },
  { cp: 2, contextKind: 'ring' },
];

test('predictors and the head give back all that they allocate', () => {
  for (const predictors of [0, 1, 2])
    for (const model of MODELS)
      for (const layout of LAYOUTS)
        for (const recompute of ['all' as const, NOTHING, new Set(['layernorm' as const])])
          for (const precision of ['bf16', 'fp8-block'] as const) {
            const job = tinyJob({ model: { ...model, predictors }, layout: { ...layout, pp: 2 }, precision });
            const { held } = tallyOf(job, (context) => lastStage(context, { recompute, backward: true }));
            const { weights: _, gradients: __, ...rest } = held;
            expect(Object.values(rest).every((bytes) => bytes === 0)).toBe(true);
          }
});

test('each predictor multiplies a layer, its projection to one and the vocabulary once more', () => {
  for (const model of MODELS.slice(0, 2))
    for (const layout of [LAYOUTS[0]!, LAYOUTS[2]!, LAYOUTS[3]!]) {
      const [none, one, two] = [0, 1, 2].map((predictors) => {
        const job = tinyJob({ model: { ...model, predictors }, layout: { ...layout, pp: 2 } });
        const ranks = positions(job.layout.tp * job.layout.cp);
        const run = (self: number) =>
          tallyOf(job, (context) => lastStage(context, { recompute: NOTHING, backward: true }), self).products;
        const all = ranks.map(run);
        return {
          matrix: all.reduce((total, { matrix }) => total + matrix, 0),
          flash: all.reduce((total, { flashForward, flashBackward }) => total + flashForward + flashBackward, 0),
        };
      });
      const [h, vocabulary, tokens] = [256, 1024, 128];
      const head = 6 * tokens * h * vocabulary;
      const layer = none!.matrix - head;
      expect(one!.matrix - none!.matrix).toBe(layer + 6 * tokens * 2 * h * h + head);
      expect(two!.matrix - one!.matrix).toBe(one!.matrix - none!.matrix);
      expect(one!.flash).toBe(2 * none!.flash);
      expect(two!.flash).toBe(3 * none!.flash);
    }
});

test('a predictor keeps its tokens, their embedding, what it merges, its layer and what that makes, and the head one more', () => {
  const kept = (predictors: number): number => {
    const job = tinyJob({ model: { predictors }, layout: { pp: 2 } });
    return tallyOf(job, (context) => lastStage(context, { recompute: NOTHING, backward: false })).held.activations;
  };
  const [h, tokens, vocabulary] = [256, 128, 1024];
  const job = tinyJob({ layout: { pp: 2 } });
  const layer = tallyOf(job, function* (context) {
    const unit = layerUnit(layerKinds(job.model)[0]!);
    const work = { unit, recompute: NOTHING, weights: yield* unitWeights(context, unit), tied: null };
    const input = yield* tensor([tokens, h], 'bf16', 'activations');
    const total = yield* tensor([1], 'fp32', 'communication');
    const feed = { ids: null, labels: null, total };
    const { output } = yield* forwardUnits(context, [work], { input, feed });
    yield* release(output!.block);
  }).held.activations;
  // Ids, the embedding, two norms side by side, the layer with its input, its output, and behind it all of both again.
  const own = tokens * (4 + 2 * (h + 2 * h + h + 2 * h)) + layer;
  expect(kept(1) - kept(0)).toBe(own + 4 * tokens * (vocabulary + 1));
});
