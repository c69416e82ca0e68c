/** One layer of a job on one rank by itself, forward and backward, in the world that only counts. */
import { deviceContext } from '../../src/actors/device-context.ts';
import { release, tensor } from '../../src/effects/ask.ts';
import type { Program } from '../../src/effects/effect.ts';
import type { Flat, LayerContext, UnitWeights } from '../../src/model/context.ts';
import type { Layer, LayerRecompute, SharedKeys } from '../../src/model/layer.ts';
import { layerBackward, layerForward } from '../../src/model/layer.ts';
import type { Part, Unit } from '../../src/model/unit.ts';
import { elementsOfAll, layerUnit } from '../../src/model/unit.ts';
import type { Job } from '../../src/scenario/job.ts';
import type { LayerKind } from '../../src/scenario/layer-kind.ts';
import { layerKinds } from '../../src/scenario/layer-kind.ts';
import { rank } from '../../src/units/identity.ts';
import { positions } from './collective-case.ts';
import type { Products, Tally } from './counting.ts';
import { CountingWorld } from './counting.ts';

export const NOTHING: LayerRecompute = new Set();

/** Weights and gradients of a unit, whole. */
export function* unitWeights(context: LayerContext, unit: Unit): Program<UnitWeights> {
  const parameters = context.parametersOf(unit);
  const place = function* (part: Part): Program<Flat> {
    const shape = [elementsOfAll(parameters[part])];
    const values = yield* tensor(shape, context.formats.weight, 'weights');
    return {
      parameters: parameters[part],
      values,
      gradients: yield* tensor(shape, context.formats.gradient, 'gradients'),
    };
  };
  const shared = yield* place('shared');
  const table = parameters.table.length > 0 ? yield* place('table') : null;
  return { ...shared, table, experts: parameters.experts.length > 0 ? yield* place('experts') : null };
}

/** What the rank's program did, and the context it ran in. */
export const tallyOf = (job: Job, program: (context: LayerContext) => Program<unknown>, self = 0): Tally => {
  const world = new CountingWorld();
  const { layer } = deviceContext(job, rank(self));
  world.run(new Map([[rank(self), program(layer)]]));
  return world.tallyOf(rank(self));
};

/** Layers of the kinds given forward and, unless only that is asked for, backward. */
export function* layersOnce(
  context: LayerContext,
  { kinds, recompute, backward }: { kinds: readonly LayerKind[]; recompute: LayerRecompute; backward: boolean },
): Program<void> {
  const shape = [context.rows, context.job.model.hidden];
  const layers: Layer[] = [];
  for (const kind of kinds) layers.push({ kind, weights: yield* unitWeights(context, layerUnit(kind)) });
  let flow = yield* tensor(shape, context.formats.activation, 'activations');
  let keys: SharedKeys = [];
  const saved = [];
  for (const layer of layers) {
    const run = yield* layerForward(context, layer, { input: flow, keys, recompute });
    saved.push(run.saved);
    [flow, keys] = [run.output, run.keys];
  }
  yield* release(flow.block);
  if (!backward) return;
  let back = {
    gradient: yield* tensor(shape, context.formats.activation, 'workspace'),
    toKeysBefore: [] as SharedKeys,
  };
  for (let index = layers.length - 1; index >= 0; index--) {
    const { gradient, toKeysBefore: fromBehind } = back;
    back = yield* layerBackward(context, layers[index]!, { saved: saved[index]!, gradient, fromBehind });
  }
  yield* release(back.gradient.block);
}

/** Bytes that a layer keeps from its forward to its backward pass on a rank, its input included and its output not. */
export const keptBytes = (job: Job, recompute: LayerRecompute = NOTHING, kind = layerKinds(job.model)[0]!): number => {
  const tally = tallyOf(job, (context) => layersOnce(context, { kinds: [kind], recompute, backward: false }));
  if (tally.held.workspace !== 0) throw new Error(`${tally.held.workspace} bytes of workspace are left`);
  return tally.held.activations;
};

/** What all ranks of one stage multiply in the layers of the given kinds, forward and backward. */
export const layerProducts = (job: Job, kinds: readonly LayerKind[], recompute: LayerRecompute = NOTHING): Products => {
  const total: Products = { matrix: 0, batched: 0, flashForward: 0, flashBackward: 0, again: 0 };
  for (const self of positions(job.devices)) {
    const { products } = tallyOf(job, (context) => layersOnce(context, { kinds, recompute, backward: true }), self);
    for (const kind of Object.keys(total) as (keyof Products)[]) total[kind] += products[kind];
  }
  return total;
};
