/** How many parameters a model has, exactly, before it is sharded or its vocabulary padded. */
import type { Model } from './model.ts';

/**
 * With V the vocabulary, P the learned positions, L the layers, h hidden, a heads of width d, k key-value heads, f the
 * MLP's width and w its input projections (2 when gated), biases where the model has them:
 * V h + P h + L (2 norms + h (a + 2 k) d + a d h + w h f + f h) + the final norm + V h for a head of its own.
 */
export const parameterCount = (model: Model): number => {
  const { vocabulary, positions, layers, hidden } = model;
  const embedding = (vocabulary + positions) * hidden + (model.embeddingNorm ? normParameters(model) : 0);
  const head = (model.tied ? 0 : vocabulary * hidden) + (model.bias.head ? vocabulary : 0);
  return embedding + layers * layerParameters(model) + normParameters(model) + head;
};

/** A norm before attention and one before the MLP, in parallel blocks too (GPT-NeoX). */
const layerParameters = (model: Model): number =>
  2 * normParameters(model) + attentionParameters(model) + mlpParameters(model);

const normParameters = ({ norm, hidden }: Model): number => (norm === 'layernorm' ? 2 * hidden : hidden);

const attentionParameters = ({ hidden, heads, kvHeads, headDim, bias }: Model): number => {
  const qkv = (heads + 2 * kvHeads) * headDim;
  return hidden * qkv + (bias.qkv ? qkv : 0) + heads * headDim * hidden + (bias.attentionOut ? hidden : 0);
};

const mlpParameters = ({ hidden, ffn, gated, bias }: Model): number => {
  const inputs = (gated ? 2 : 1) * ffn;
  return hidden * inputs + ffn * hidden + (bias.mlp ? inputs + hidden : 0);
};
