/** The config.json of Llama and of the dense models that descend from it. */
import type { Architecture, Settings } from './hugging-face-settings.ts';
import { attentionBias, decoder, NO_BIAS, plainShape, rate, USUAL } from './hugging-face-settings.ts';
import { listsEveryLayer, windowed, windowOf } from './hugging-face-window.ts';

/** Sizes as the configuration classes have them, which a config nested in another may leave out. */
const sizes = (
  [hidden, ffn, layers, heads]: readonly [hidden: number, ffn: number, layers: number, heads: number],
  vocabulary: number,
): Settings => ({
  hidden_size: hidden,
  intermediate_size: ffn,
  num_hidden_layers: layers,
  num_attention_heads: heads,
  vocab_size: vocabulary,
});

export const llama: Architecture = {
  defaults: { ...USUAL, ...sizes([4096, 11008, 32, 32], 32000) },
  schema: decoder.transform((config) => ({
    ...plainShape(config),
    bias: { ...attentionBias(config.attention_bias), mlp: config.mlp_bias },
  })),
};

export const mistral: Architecture = {
  defaults: {
    ...USUAL,
    ...sizes([4096, 14336, 32, 32], 32000),
    num_key_value_heads: 8,
    sliding_window: 4096,
  },
  schema: windowed
    .superRefine(listsEveryLayer)
    .transform((config) => ({ ...plainShape(config), window: windowOf(config, () => true) })),
};

const QWEN: Settings = {
  ...USUAL,
  ...sizes([4096, 22016, 32, 32], 151936),
  num_key_value_heads: 32,
  use_sliding_window: false,
  sliding_window: 4096,
  max_window_layers: 28,
};

export const qwen2: Architecture = {
  defaults: QWEN,
  schema: windowed.superRefine(listsEveryLayer).transform((config) => ({
    ...plainShape(config),
    bias: { ...NO_BIAS, qkv: true },
    window: windowOf(config, (layer) => layer >= (config.max_window_layers ?? 0)),
  })),
};

export const qwen3: Architecture = {
  defaults: { ...QWEN, head_dim: 128 },
  schema: windowed.superRefine(listsEveryLayer).transform((config) => ({
    ...plainShape(config),
    qkNorm: 'head' as const,
    bias: attentionBias(config.attention_bias),
    window: windowOf(config, (layer) => layer >= (config.max_window_layers ?? 0)),
  })),
};

export const phi3: Architecture = {
  defaults: { ...USUAL, ...sizes([3072, 8192, 32, 32], 32064), resid_pdrop: 0, embd_pdrop: 0, sliding_window: null },
  schema: windowed
    .extend({ resid_pdrop: rate, embd_pdrop: rate })
    .superRefine(listsEveryLayer)
    .transform((config) => ({
      ...plainShape(config),
      window: windowOf(config, () => true),
      dropout: Math.max(config.resid_pdrop, config.embd_pdrop, config.attention_dropout) > 0,
    })),
};

export const olmo2: Architecture = {
  defaults: { ...USUAL, ...sizes([4096, 11008, 32, 32], 50304) },
  schema: decoder.transform((config) => ({
    ...plainShape(config),
    qkNorm: 'all' as const,
    bias: attentionBias(config.attention_bias),
    notes: ['The norms of this model stand behind attention and MLP; here they stand before, with the same weights.'],
  })),
};

export const nemotron: Architecture = {
  defaults: { ...USUAL, ...sizes([6144, 24576, 32, 48], 256000), hidden_act: 'relu2' },
  schema: decoder.transform((config) => ({
    ...plainShape(config),
    gated: false,
    norm: 'layernorm' as const,
    bias: { ...attentionBias(config.attention_bias), mlp: config.mlp_bias },
  })),
};
