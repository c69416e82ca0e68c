/** Laws of `plan max-model` and of the family of sizes that it tries. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { searchLargest } from '../../src/plan/largest-model.ts';
import { LAYER_STEP, scaledModel } from '../../src/plan/scaled-model.ts';
import { bestOf } from '../../src/plan/trial.ts';
import { jsonText } from '../../src/report/json.ts';
import { largestJson, largestSchema, largestText } from '../../src/report/largest-model.ts';
import { unpainted } from '../../src/report/paint.ts';
import { parameterCount } from '../../src/scenario/parameters.ts';
import type { Model } from '../../src/scenario/model.ts';
import { tinyModel } from '../worlds/jobs.ts';
import { FREE, memoryOf, tinyScenario } from '../worlds/questions.ts';
import { alone, interruptedAfter } from '../worlds/search-options.ts';

const NO_BANDS = { schema: 'angel-sim.bands/1' as const, rows: 0, classes: [] };
const models: fc.Arbitrary<Model> = fc
  .record({
    heads: fc.constantFrom(8, 12, 16, 20, 32),
    group: fc.constantFrom(1, 4),
    layers: fc.integer({ min: 1, max: 40 }),
  })
  .map(({ heads, group, layers }) => ({
    ...tinyModel,
    layers,
    heads,
    kvHeads: heads / group,
    hidden: 128 * heads,
    headDim: 128,
    ffn: 512 * heads,
  }));
const sizes = fc.integer({ min: 1, max: 200 });

describe('a family of models', () => {
  it('grows with the size', () => {
    fc.assert(
      fc.property(models, sizes, (like, size) => {
        const [one, next] = [scaledModel(like, size), scaledModel(like, size + 1)];
        expect(parameterCount(next)).toBeGreaterThan(parameterCount(one));
        expect(one.layers).toBe(LAYER_STEP * size);
      }),
    );
  });
  it("has heads as wide as the model's, that its key-value heads divide, and widths in multiples of 128", () => {
    fc.assert(
      fc.property(models, sizes, (like, size) => {
        const { heads, kvHeads, headDim, hidden, ffn } = scaledModel(like, size);
        expect(headDim).toBe(like.headDim);
        expect(heads % kvHeads).toBe(0);
        expect([hidden % 128, ffn % 128]).toEqual([0, 0]);
        expect(hidden).toBe(128 * heads);
        // As many heads a layer as the model, to half a group.
        expect(Math.abs(heads - (like.heads / like.layers) * 4 * size)).toBeLessThanOrEqual(
          Math.max(like.kvHeads < like.heads ? like.kvHeads : 8, 1),
        );
      }),
    );
  });
  it('has the model itself among its members where its depth is a multiple of four', () => {
    fc.assert(
      fc.property(models, (like) => {
        fc.pre(like.layers % LAYER_STEP === 0);
        const again = scaledModel(like, like.layers / LAYER_STEP);
        expect({ ...again, name: like.name, source: like.source }).toEqual(like);
      }),
    );
  });
});

const scenario = tinyScenario({
  devices: [4],
  layout: { ...FREE, vp: [1], schedule: ['1f1b'], microbatch: [1], zero: [0, 1], sequenceParallel: [false] },
  recompute: [{ kind: 'full', layers: 'all' }],
});

describe('the largest model', () => {
  it('fits, and every larger one of those tried does not; with none left out it is the largest there is', async () => {
    for (const memory of [1e8, 4e8, 1.5e9]) {
      const found = await searchLargest(memoryOf(scenario, memory), alone);
      const own = parameterCount(found.largest!.job.model);
      expect(found.largest!.outlook.memory.headroom).toBeGreaterThan(0);
      const fitting = found.tried.filter(({ trial }) => bestOf(trial) !== null);
      expect(Math.max(...fitting.map(({ parameters }) => parameters))).toBe(own);
      expect(found.obstacle!.parameters).toBeGreaterThan(own);
      expect(found.obstacle!.binding.verdict.kind).toBe('memory');
      expect(found.obstacle!.largest).not.toBeNull();
      expect(found.untried).toBe(0);
      largestSchema.parse(JSON.parse(jsonText(largestJson(found, NO_BANDS))));
      expect(largestText(found, { bands: NO_BANDS, paint: unpainted, sources: false })).toContain('The next larger');
    }
  });
  it('on a larger card is no smaller', async () => {
    const [small, large] = [
      await searchLargest(memoryOf(scenario, 2e8), alone),
      await searchLargest(memoryOf(scenario, 4e8), alone),
    ];
    expect(parameterCount(large.largest!.job.model)).toBeGreaterThan(parameterCount(small.largest!.job.model));
  });
  it('of an interrupted search is what was found', async () => {
    const found = await searchLargest(memoryOf(scenario, 4e8), interruptedAfter(2));
    expect(found.complete).toBe(false);
    largestSchema.parse(JSON.parse(jsonText(largestJson(found, NO_BANDS))));
  });
});
