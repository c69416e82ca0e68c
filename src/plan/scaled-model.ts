/** A model of the same family, larger or smaller: as deep as it is wide, in the proportion of the one it is like. */
import type { Model } from '../scenario/model.ts';

/** Depth goes in steps of so many layers, so that pipelines of 2 and 4 stages split every size. */
export const LAYER_STEP = 4;
/** Widths are multiples of this, as matrix units and tensor ranks want them. */
const GRAIN = 128;

/**
 * The `size`-th of the family has 4 size layers. Its heads are as wide as the model's own, and there are as many of them
 * a layer, rounded to a multiple of its key-value heads, which stay as many, or, where each head has keys of its own, of
 * what its heads have in common with 8. Hidden, MLP and expert widths grow as the heads do, in multiples of 128. The
 * vocabulary, latents and the number of experts stay; layers of experts and windows lie where they lay, by their share
 * of the depth.
 */
export const scaledModel = (like: Model, size: number): Model => {
  const layers = LAYER_STEP * size;
  const isGrouped = like.kvHeads < like.heads;
  const unit = isGrouped ? like.kvHeads : common(like.heads, HEADS_UNIT);
  const heads = nearestMultiple((like.heads / like.layers) * layers, unit);
  const widened = (width: number): number =>
    width === 0 || heads === like.heads ? width : nearestMultiple((width * heads) / like.heads, GRAIN);
  return {
    ...like,
    name: `${like.name} scaled to ${layers} layers of ${widened(like.hidden)}`,
    layers,
    heads,
    kvHeads: isGrouped ? like.kvHeads : heads,
    hidden: widened(like.hidden),
    ffn: widened(like.ffn),
    experts:
      like.experts === null
        ? null
        : {
            ...like.experts,
            ffn: widened(like.experts.ffn),
            sharedFfn: widened(like.experts.sharedFfn),
            layers: resampled(like.experts.layers, layers),
          },
    window: like.window === null ? null : { ...like.window, layers: resampled(like.window.layers, layers) },
    source: `scaled from ${like.name}: ${like.source}`,
  };
};

const HEADS_UNIT = 8;
/** The greatest common divisor. */
const common = (a: number, b: number): number => (b === 0 ? a : common(b, a % b));
const nearestMultiple = (value: number, unit: number): number => Math.max(1, Math.round(value / unit)) * unit;
const resampled = (pattern: readonly boolean[], count: number): readonly boolean[] =>
  Array.from({ length: count }, (_, index) => pattern[Math.floor((index * pattern.length) / count)]!);
