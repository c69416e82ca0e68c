/** How many parameters a model has, exactly, before it is sharded or its vocabulary padded. */
import type { LayerKind } from './layer-kind.ts';
import { kindCounts, predictorKind } from './layer-kind.ts';
import { expertElements, layerElements, normParameters, totalOf } from './layer-elements.ts';
import type { Model } from './model.ts';

/**
 * All of them, but for the predictors: what Hugging Face's class of the model makes. With V the vocabulary, P the learned
 * positions, L the layers, h hidden, a heads of width d, k key-value heads, f the MLP's width and w its input
 * projections (2 when gated), biases where the model has them, a dense model has
 * V h + P h + L (2 norms + h (a + 2 k) d + a d h + w h f + f h) + the final norm + V h for a head of its own;
 * a layer of e experts has e (w h f' + f' h) + h e of experts and router in place of its MLP.
 */
export const parameterCount = (model: Model): number => ends(model) + layersWith(model, model.experts?.count ?? 0);

/** Those that one token goes through: of the routed experts the active ones, of everything else all, the table included. */
export const activeParameterCount = (model: Model): number =>
  ends(model) + layersWith(model, model.experts?.active ?? 0);

/** Those of all routed experts of all layers. */
export const expertParameterCount = (model: Model): number => {
  if (model.experts === null) return 0;
  const layers = model.experts.layers.filter((hasExperts) => hasExperts).length;
  return layers * model.experts.count * totalOf(expertElements(model, model.experts));
};

/** Those of a layer of that kind, all its experts among them. */
export const layerParameterCount = (model: Model, kind: LayerKind): number =>
  totalOf(layerElements(model, kind, model.experts?.count ?? 0));

/**
 * Those that the predictors add, which share the model's embedding and head: each has a norm of what comes before and one
 * of the next token's embedding, a projection of both back to the width, 2 h h, a layer, and a final norm
 * (DeepSeek-V3, arXiv 2412.19437, section 2.2). `active` counts of their routed experts only those a token goes to.
 */
export const predictorParameterCount = (model: Model, routed: 'all' | 'active' = 'all'): number => {
  if (model.predictors === 0) return 0;
  const { experts, hidden, predictors } = model;
  const met = (routed === 'all' ? experts?.count : experts?.active) ?? 0;
  const layer = totalOf(layerElements(model, predictorKind(model), met));
  return predictors * (3 * normParameters(model) + 2 * hidden * hidden + layer);
};

/** The embedding, the final norm and the head. */
const ends = (model: Model): number => {
  const { vocabulary, positions, hidden } = model;
  const embedding = (vocabulary + positions) * hidden + (model.embeddingNorm ? normParameters(model) : 0);
  const head = (model.tied ? 0 : vocabulary * hidden) + (model.bias.head ? vocabulary : 0);
  return embedding + normParameters(model) + head;
};

const layersWith = (model: Model, routed: number): number =>
  [...kindCounts(model)].reduce(
    (total, [kind, count]) => total + count * totalOf(layerElements(model, kind, routed)),
    0,
  );
