/** Which units each model chunk of each pipeline stage holds. */
import type { LayerKind } from '../scenario/layer-kind.ts';
import { layerKinds, predictorKind } from '../scenario/layer-kind.ts';
import type { Ends } from '../scenario/layer-split.ts';
import { endsOf, PLAIN_ENDS, positionCount, regularSplit } from '../scenario/layer-split.ts';
import type { Layout } from '../scenario/job.ts';
import type { Model } from '../scenario/model.ts';
import type { Unit } from './unit.ts';
import { EMBEDDING, HEAD, layerUnit } from './unit.ts';

/**
 * Layers of each of `count` model chunks, in the order the data visits them: as an engine cuts them, or where it refuses
 * to, as evenly as can be, the chunks in the middle of those that are left free taking one more than their ends.
 */
export const splitLayers = (layers: number, count: number, ends: Ends = PLAIN_ENDS): readonly number[] => {
  if (count === 1) return [layers];
  const regular = regularSplit(layers, count, ends);
  if (regular !== null) {
    const { first, middle, last } = regular;
    return Array.from({ length: count }, (_, i) => (i === 0 ? first : i === count - 1 ? last : middle));
  }
  const first = ends.firstLayers === null ? [] : [ends.firstLayers];
  const last = ends.lastLayers === null ? [] : [ends.lastLayers];
  const given = (first[0] ?? 0) + (last[0] ?? 0);
  return [...first, ...evenly(layers - given, count - first.length - last.length), ...last];
};

const evenly = (layers: number, count: number): readonly number[] => {
  const share = Math.floor(layers / count);
  const rest = layers % count;
  const first = Math.floor((count - rest) / 2);
  return Array.from({ length: count }, (_, i) => share + (i >= first && i < first + rest ? 1 : 0));
};

/** A pipeline rank's slice of the layers with what it has at either end of the model. */
export interface Chunk {
  /** Position along the data's way through the model. */
  readonly position: number;
  readonly layers: readonly LayerKind[];
  /** Number of the first of them in the model. */
  readonly firstLayer: number;
  readonly hasEmbedding: boolean;
  /** The layers of the multi-token predictors, which stand before the head. */
  readonly predictors: readonly LayerKind[];
  readonly hasHead: boolean;
}

/** Layers of each chunk of a layout, by position. */
export const layersByPosition = (model: Model, layout: Layout): readonly number[] =>
  splitLayers(model.layers, positionCount(layout), endsOf(model, layout));
/** All chunks of a layout by position. */
export const chunksByPosition = (model: Model, layout: Layout): readonly Chunk[] =>
  chunksOf(model, layersByPosition(model, layout));

/** All chunks of a model by position; `split` says how many layers each has. */
export const chunksOf = (model: Model, split: readonly number[]): readonly Chunk[] => {
  const kinds = layerKinds(model);
  let start = 0;
  return split.map((count, position) => {
    const [layers, firstLayer] = [kinds.slice(start, start + count), start];
    start += count;
    const hasHead = position === split.length - 1;
    const predictors = hasHead ? predictorsOf(model) : NO_PREDICTORS;
    return { position, layers, firstLayer, hasEmbedding: position === 0, predictors, hasHead };
  });
};

const predictorsOf = (model: Model): readonly LayerKind[] =>
  model.predictors === 0 ? NO_PREDICTORS : new Array<LayerKind>(model.predictors).fill(predictorKind(model));
const NO_PREDICTORS: readonly LayerKind[] = [];

/** The chunk's units in the order the data visits them. */
export const unitsOf = (chunk: Chunk): readonly Unit[] => [
  ...(chunk.hasEmbedding ? [EMBEDDING] : []),
  ...chunk.layers.map(layerUnit),
  ...chunk.predictors.map(predictorUnit),
  ...(chunk.hasHead ? [HEAD] : []),
];

/**
 * A module that predicts one token further: a layer behind a projection of its own. Each passes on what those before it
 * made as well, so that no two do the same.
 */
const predictorUnit = (layer: LayerKind, index: number): Unit => ({
  kind: 'predictor',
  name: index === 0 ? 'predictor' : `predictor ${index + 1}`,
  layer,
});
