/** The config.json of Gemma, Gemma 2 and Gemma 3: tied embeddings, gated GELU, heads wider than the residual stream's share. */
import { activation, attentionBias, plainShape, positive, USUAL } from './hugging-face-settings.ts';
import type { Architecture, Settings, Shape } from './hugging-face-settings.ts';
import { listsEveryLayer, windowed, windowOf } from './hugging-face-window.ts';
import type { z } from 'zod';

const gemmaLike = windowed.extend({
  /** Of the two names of the activation the younger counts; absent or null it is the GELU that all of them use. */
  hidden_activation: activation.nullish(),
  sliding_window_pattern: positive.nullish(),
});

const GEMMA: Settings = {
  ...USUAL,
  hidden_act: 'gelu_pytorch_tanh',
  tie_word_embeddings: true,
  vocab_size: 256000,
  head_dim: 256,
};

const gemmaShape = (config: z.output<typeof gemmaLike>): Shape => ({
  ...plainShape(config),
  activation: config.hidden_activation ?? config.hidden_act,
  bias: attentionBias(config.attention_bias),
});

export const gemma: Architecture = {
  defaults: {
    ...GEMMA,
    hidden_size: 3072,
    intermediate_size: 24576,
    num_hidden_layers: 28,
    num_attention_heads: 16,
    num_key_value_heads: 16,
  },
  schema: gemmaLike.transform(gemmaShape),
};

const SMALL: Settings = {
  ...GEMMA,
  hidden_size: 2304,
  intermediate_size: 9216,
  num_hidden_layers: 26,
  num_attention_heads: 8,
  num_key_value_heads: 4,
  sliding_window: 4096,
};

/** Every second layer sees everything. */
export const gemma2: Architecture = {
  defaults: SMALL,
  schema: gemmaLike.superRefine(listsEveryLayer).transform((config) => ({
    ...gemmaShape(config),
    postNorms: true,
    window: windowOf(config, (layer) => layer % 2 === 0),
  })),
};

/** Every sixth layer sees everything. */
export const gemma3: Architecture = {
  defaults: { ...SMALL, vocab_size: 262208 },
  aliases: { _sliding_window_pattern: 'sliding_window_pattern' },
  schema: gemmaLike.superRefine(listsEveryLayer).transform((config) => {
    const pattern = config.sliding_window_pattern ?? 6;
    return {
      ...gemmaShape(config),
      postNorms: true,
      qkNorm: 'head' as const,
      window: windowOf(config, (layer) => (layer + 1) % pattern !== 0),
    };
  }),
};
