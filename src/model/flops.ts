/** FLOPs that training a model takes by definition, whatever the hardware then executes. */
import { parameterCount } from '../scenario/parameters.ts';
import type { Model } from '../scenario/model.ts';
import type { Flops } from '../units/quantity.ts';
import { flops } from '../units/quantity.ts';

export type AttentionCount = 'full' | 'causal' | 'none';

/** Keys that a query meets on average among `sequence`: all, or itself and those before it. */
const KEYS: Readonly<Record<Exclude<AttentionCount, 'none'>, (sequence: number) => number>> = {
  full: (sequence) => sequence,
  causal: (sequence) => (sequence + 1) / 2,
};

/**
 * Model FLOPs of one sequence, forward and backward, each product of m x k by k x n at 2 m n k and backward twice the
 * forward. With s tokens, h hidden, a heads of width d, k key-value heads, MLP width f with w inputs, L layers, V words:
 *
 *     3 x 2 s (L (h (a + 2 k) d + a d h + w h f + f h) + h V)  +  3 x 4 s keys a d L
 *
 * where keys is s with full attention (Narayanan et al. SC21, PaLM) and (s + 1) / 2 with causal attention. `none` is
 * 6 N D: six times all parameters times the tokens (Kaplan et al. 2020), attention and the lookup's nature ignored.
 */
export const modelFlops = (model: Model, sequence: number, attention: AttentionCount): Flops => {
  if (attention === 'none') return flops(6 * parameterCount(model) * sequence);
  const { layers, hidden, heads, kvHeads, headDim, ffn, gated, vocabulary } = model;
  const projections = hidden * (heads + 2 * kvHeads) * headDim + heads * headDim * hidden;
  const mlp = hidden * ffn * (gated ? 3 : 2);
  const products = 6 * sequence * (layers * (projections + mlp) + hidden * vocabulary);
  const scores = 12 * sequence * KEYS[attention](sequence) * heads * headDim * layers;
  return flops(products + scores);
};
