/** FLOPs that training a model takes by definition, whatever the hardware then executes. */
import type { LayerKind } from '../scenario/layer-kind.ts';
import { kindCounts, predictorKind } from '../scenario/layer-kind.ts';
import { layerElements } from '../scenario/layer-elements.ts';
import { activeParameterCount, predictorParameterCount } from '../scenario/parameters.ts';
import type { Model } from '../scenario/model.ts';
import type { Flops } from '../units/quantity.ts';
import { flops } from '../units/quantity.ts';

export type AttentionCount = 'full' | 'causal' | 'none';

/** Keys that a query meets on average among `sequence`, no more than `window`: all, or itself and those before it. */
const KEYS: Readonly<Record<Exclude<AttentionCount, 'none'>, (sequence: number, window: number) => number>> = {
  full: (sequence, window) => Math.min(sequence, window),
  causal: (sequence, window) =>
    window < sequence ? window - (window * (window - 1)) / (2 * sequence) : (sequence + 1) / 2,
};

/**
 * Model FLOPs of one sequence, forward and backward, each product of m x k by k x n at 2 m n k and backward twice the
 * forward. With s tokens, h hidden, a heads of width d, k key-value heads, MLP width f with w inputs, L layers, V words,
 * a dense model takes
 *
 *     3 x 2 s (L (h (a + 2 k) d + a d h + w h f + f h) + h V)  +  3 x 4 s keys a d L
 *
 * where keys is s with full attention (Narayanan et al. SC21, PaLM) and (s + 1) / 2 with causal attention. Otherwise the
 * first term counts the matrices that a token meets: of routed experts the active ones, the shared expert, the router,
 * the projections to and from latents. In the second a layer whose window is W < s has W keys, or on average
 * W - W (W - 1) / 2 s with causal attention; with latents d is the mean width of a head's keys and values. Each
 * predictor adds a layer, its projection 2 h h, and the head again, over all s tokens. `none` is
 * 6 N D: six times the parameters that a token goes through, the predictors' own among them, times the tokens (Kaplan et
 * al. 2020), attention and the lookup's nature ignored.
 */
export const modelFlops = (model: Model, sequence: number, attention: AttentionCount): Flops => {
  if (attention === 'none')
    return flops(6 * (activeParameterCount(model) + predictorParameterCount(model, 'active')) * sequence);
  const { hidden, vocabulary, predictors } = model;
  const layers = [...kindCounts(model), ...(predictors > 0 ? [[predictorKind(model), predictors] as const] : [])];
  const matrices = layers.reduce((total, [kind, count]) => total + count * matricesOf(model, kind), 0);
  const ends = (1 + predictors) * hidden * vocabulary + predictors * 2 * hidden * hidden;
  const products = 6 * sequence * (matrices + ends);
  const scores = layers.map(([kind, count]) => {
    const keys = KEYS[attention](sequence, kind.window ?? sequence);
    return 12 * sequence * keys * headWidth(model) * count;
  });
  return flops(scores.reduce((total, score) => total + score, products));
};

/** Elements of the layer's matrices that a token meets. */
const matricesOf = (model: Model, kind: LayerKind): number =>
  layerElements(model, kind, model.experts?.active ?? 0).matrices;

/** a d: half of what a query's scores and a token's weighted values take a key, 2 a (width of keys + width of values). */
const headWidth = ({ heads, headDim, latent }: Model): number =>
  latent === null ? heads * headDim : (heads * (latent.plainDim + latent.ropeDim + headDim)) / 2;
