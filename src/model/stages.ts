/** Which units each model chunk of each pipeline stage holds. */
import type { UnitKind } from './unit.ts';

/**
 * Layers of each of `count` model chunks, in the order the data visits them. Even when `count` divides; otherwise the
 * embedding and the head count as a layer where that makes it even (Megatron-LM's account-for-embedding and
 * account-for-loss); otherwise the chunks in the middle take one more than the ends.
 */
export const splitLayers = (layers: number, count: number): readonly number[] => {
  const share = Math.floor(layers / count);
  const rest = layers % count;
  const even = Array.from({ length: count }, () => share);
  if (rest === 0) return even;
  if (rest === count - 2) return even.map((_, i) => share + (i === 0 || i === count - 1 ? 0 : 1));
  if (rest === count - 1) return even.map((_, i) => share + (i === count - 1 ? 0 : 1));
  const first = Math.floor((count - rest) / 2);
  return even.map((_, i) => share + (i >= first && i < first + rest ? 1 : 0));
};

/** A pipeline rank's slice of the layers with what it has at either end of the model. */
export interface Chunk {
  /** Position along the data's way: chunk index x pp + stage. */
  readonly position: number;
  readonly layers: number;
  readonly hasEmbedding: boolean;
  readonly hasHead: boolean;
}

/** The chunks of a stage, by chunk index. */
export const chunksOf = (
  layers: number,
  { pp, vp, stage }: { pp: number; vp: number; stage: number },
): readonly Chunk[] => {
  const split = splitLayers(layers, pp * vp);
  return Array.from({ length: vp }, (_, index) => {
    const position = index * pp + stage;
    return {
      position,
      layers: split[position] ?? 0,
      hasEmbedding: position === 0,
      hasHead: position === pp * vp - 1,
    };
  });
};

/** The chunk's units in the order the data visits them. */
export const unitsOf = (chunk: Chunk): readonly UnitKind[] => [
  ...(chunk.hasEmbedding ? (['embedding'] as const) : []),
  ...Array.from({ length: chunk.layers }, () => 'layer' as const),
  ...(chunk.hasHead ? (['head'] as const) : []),
];
