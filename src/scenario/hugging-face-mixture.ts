/** The config.json of mixtures of experts with grouped-query attention: Mixtral, Qwen2-MoE, Qwen3-MoE, gpt-oss, Phi-3.5-MoE. */
import { z } from 'zod';
import type { Architecture, Settings } from './hugging-face-settings.ts';
import { attentionBias, expertsOf, NO_BIAS, plainShape, positive, USUAL } from './hugging-face-settings.ts';
import { listsEveryLayer, windowed, windowOf } from './hugging-face-window.ts';
import { byLayer } from './model-schema.ts';
import type { Experts } from './model.ts';
import { flag, whole } from './shape.ts';

const mixture = windowed.extend({ num_local_experts: positive, num_experts_per_tok: positive });

/** Experts of the MLP's width in every layer. */
const everywhere = (config: z.output<typeof mixture>, more: Partial<Experts> = {}): Experts | null =>
  expertsOf({
    count: config.num_local_experts,
    active: config.num_experts_per_tok,
    ffn: config.intermediate_size,
    layers: byLayer(config.num_hidden_layers, () => true),
    ...more,
  });

export const mixtral: Architecture = {
  defaults: {
    ...USUAL,
    hidden_size: 4096,
    intermediate_size: 14336,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    num_key_value_heads: 8,
    vocab_size: 32000,
    num_local_experts: 8,
    num_experts_per_tok: 2,
  },
  aliases: { num_experts: 'num_local_experts' },
  traits: ['mixture of experts'],
  schema: mixture.superRefine(listsEveryLayer).transform((config) => ({
    ...plainShape(config),
    window: windowOf(config, () => true),
    experts: everywhere(config),
  })),
};

/** Mixtral with layer norms and biases. */
export const phimoe: Architecture = {
  defaults: {
    ...mixtral.defaults,
    intermediate_size: 6400,
    vocab_size: 32064,
    num_local_experts: 16,
    lm_head_bias: false,
  },
  aliases: { num_experts: 'num_local_experts' },
  traits: ['mixture of experts'],
  schema: mixture.extend({ lm_head_bias: flag }).transform((config) => ({
    ...plainShape(config),
    norm: 'layernorm' as const,
    bias: { ...attentionBias(config.attention_bias), head: config.lm_head_bias },
    window: windowOf(config, () => true),
    experts: everywhere(config),
  })),
};

/** Every second layer sees everything; all biases there are, and a sink a head. */
export const gptOss: Architecture = {
  defaults: {
    ...USUAL,
    hidden_size: 2880,
    intermediate_size: 2880,
    num_hidden_layers: 36,
    num_attention_heads: 64,
    num_key_value_heads: 8,
    head_dim: 64,
    vocab_size: 201088,
    attention_bias: true,
    sliding_window: 128,
    num_local_experts: 128,
    num_experts_per_tok: 4,
  },
  aliases: { num_experts: 'num_local_experts' },
  traits: ['mixture of experts'],
  schema: mixture.superRefine(listsEveryLayer).transform((config) => ({
    ...plainShape(config),
    sinks: true,
    bias: attentionBias(config.attention_bias),
    window: windowOf(config, (layer) => layer % 2 === 0),
    experts: everywhere(config, { routerBias: true, bias: true }),
  })),
};

const qwenMixture = windowed.extend({
  num_experts: whole(0),
  num_experts_per_tok: positive,
  moe_intermediate_size: positive,
  decoder_sparse_step: positive,
  mlp_only_layers: z.array(whole(0), { error: 'a list of layers' }).nullish(),
});

/** Layers named in `mlp_only_layers` are dense, and of the others all but every `decoder_sparse_step`-th. */
const whereSparse = (config: z.output<typeof qwenMixture>, more: Partial<Experts> = {}): Experts | null => {
  const { num_experts: count, mlp_only_layers: dense, decoder_sparse_step: step } = config;
  return expertsOf({
    count,
    active: config.num_experts_per_tok,
    ffn: config.moe_intermediate_size,
    layers: byLayer(
      config.num_hidden_layers,
      (layer) => count > 0 && !(dense ?? []).includes(layer) && (layer + 1) % step === 0,
    ),
    ...more,
  });
};

const QWEN: Settings = {
  ...USUAL,
  hidden_size: 2048,
  num_hidden_layers: 24,
  vocab_size: 151936,
  use_sliding_window: false,
  sliding_window: 4096,
  decoder_sparse_step: 1,
};

export const qwen2Moe: Architecture = {
  defaults: {
    ...QWEN,
    intermediate_size: 5632,
    num_attention_heads: 16,
    num_key_value_heads: 16,
    max_window_layers: 28,
    moe_intermediate_size: 1408,
    shared_expert_intermediate_size: 5632,
    num_experts: 60,
    num_experts_per_tok: 4,
    qkv_bias: true,
  },
  aliases: { num_local_experts: 'num_experts' },
  traits: ['mixture of experts'],
  schema: qwenMixture
    .extend({ shared_expert_intermediate_size: positive, qkv_bias: flag })
    .superRefine(listsEveryLayer)
    .transform((config) => ({
      ...plainShape(config),
      bias: { ...NO_BIAS, qkv: config.qkv_bias },
      window: windowOf(config, (layer) => layer % 2 === 0 && layer < (config.max_window_layers ?? 0)),
      experts: whereSparse(config, { sharedFfn: config.shared_expert_intermediate_size, sharedGate: true }),
    })),
};

export const qwen3Moe: Architecture = {
  defaults: {
    ...QWEN,
    intermediate_size: 6144,
    num_attention_heads: 32,
    num_key_value_heads: 4,
    moe_intermediate_size: 768,
    num_experts: 128,
    num_experts_per_tok: 8,
  },
  aliases: { num_local_experts: 'num_experts' },
  traits: ['mixture of experts'],
  schema: qwenMixture.superRefine(listsEveryLayer).transform((config) => ({
    ...plainShape(config),
    qkNorm: 'head' as const,
    bias: attentionBias(config.attention_bias),
    window: windowOf(config, () => true),
    experts: whereSparse(config),
  })),
};
