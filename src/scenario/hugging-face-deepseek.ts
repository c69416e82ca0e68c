/** The config.json of DeepSeek-V2 and V3, and of Kimi K2: latent attention, shared experts, first layers without any. */
import { z } from 'zod';
import { byLayer } from './model-schema.ts';
import type { Architecture, Settings, Shape } from './hugging-face-settings.ts';
import { attentionBias, decoder, expertsOf, plainShape, positive, USUAL } from './hugging-face-settings.ts';
import { whole } from './shape.ts';

const deepseek = decoder.extend({
  q_lora_rank: positive.nullish(),
  kv_lora_rank: positive,
  qk_nope_head_dim: positive,
  qk_rope_head_dim: positive,
  v_head_dim: positive,
  n_routed_experts: positive.nullish(),
  n_shared_experts: whole(0).nullish(),
  num_experts_per_tok: positive,
  moe_intermediate_size: positive,
  first_k_dense_replace: whole(0),
  moe_layer_freq: positive,
  num_nextn_predict_layers: whole(0, 16).nullish(),
  mlp_bias: z.literal(false, { error: 'false: an MLP with biases beside experts without is not known here' }),
});

/** `head_dim` of these configs is no width of its own, and their key and value heads are the query heads. */
const deepseekShape = (config: z.output<typeof deepseek>, routerBias: boolean): Shape => ({
  ...plainShape(config),
  kvHeads: config.num_attention_heads,
  headDim: config.v_head_dim,
  latent: {
    queryRank: config.q_lora_rank ?? null,
    kvRank: config.kv_lora_rank,
    plainDim: config.qk_nope_head_dim,
    ropeDim: config.qk_rope_head_dim,
  },
  bias: attentionBias(config.attention_bias),
  predictors: config.num_nextn_predict_layers ?? 0,
  experts: expertsOf({
    count: config.n_routed_experts ?? 0,
    active: config.num_experts_per_tok,
    ffn: config.moe_intermediate_size,
    sharedFfn: (config.n_shared_experts ?? 0) * config.moe_intermediate_size,
    routerBias,
    layers: byLayer(
      config.num_hidden_layers,
      (layer) =>
        (config.n_routed_experts ?? 0) > 0 &&
        layer >= config.first_k_dense_replace &&
        layer % config.moe_layer_freq === 0,
    ),
  }),
});

const LATENT: Settings = {
  kv_lora_rank: 512,
  q_lora_rank: 1536,
  qk_nope_head_dim: 128,
  qk_rope_head_dim: 64,
  v_head_dim: 128,
  moe_layer_freq: 1,
};
const aliases = { num_local_experts: 'n_routed_experts', num_experts: 'n_routed_experts' };
const traits = ['mixture of experts', 'latent attention'] as const;

export const deepseekV2: Architecture = {
  defaults: {
    ...USUAL,
    ...LATENT,
    hidden_size: 4096,
    intermediate_size: 11008,
    moe_intermediate_size: 1407,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    vocab_size: 32000,
    n_routed_experts: 64,
    n_shared_experts: 2,
    first_k_dense_replace: 0,
  },
  aliases,
  traits,
  schema: deepseek.transform((config) => deepseekShape(config, false)),
};

/** Its router corrects each expert's score by a bias that balances the load. */
export const deepseekV3: Architecture = {
  defaults: {
    ...USUAL,
    ...LATENT,
    hidden_size: 7168,
    intermediate_size: 18432,
    moe_intermediate_size: 2048,
    num_hidden_layers: 61,
    num_attention_heads: 128,
    vocab_size: 129280,
    n_routed_experts: 256,
    n_shared_experts: 1,
    num_experts_per_tok: 8,
    first_k_dense_replace: 3,
  },
  aliases,
  traits,
  schema: deepseek.transform((config) => deepseekShape(config, true)),
};
