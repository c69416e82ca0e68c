/** The config.json of Tencent's Hunyuan: Hunyuan-Large with keys and values shared across layers, and the V1 models. */
import { z } from 'zod';
import { byLayer } from './model-schema.ts';
import type { Architecture, Settings, Shape } from './hugging-face-settings.ts';
import { attentionBias, expertsOf, plainShape, positive, USUAL } from './hugging-face-settings.ts';
import { windowed, windowOf } from './hugging-face-window.ts';
import { flag, whole } from './shape.ts';

/** A number for all layers, or one a layer; what differs from layer to layer is not known here. */
const alike = (wanted: string) =>
  z
    .union([positive, z.array(positive).min(1)], { error: wanted })
    .refine((value) => new Set([value].flat()).size === 1, {
      error: `${wanted}: layers that differ are not known here`,
    })
    .transform((value) => [value].flat()[0] ?? 1);

const hunyuan = windowed.extend({
  attention_head_dim: positive.nullish(),
  use_qk_norm: flag,
  use_cla: flag,
  cla_share_factor: positive.nullish(),
  num_experts: alike('a number of experts'),
  moe_topk: alike('a number of experts'),
  moe_intermediate_size: alike('a width').nullish(),
  num_shared_expert: alike('a number of experts').nullish(),
  use_mixed_mlp_moe: flag,
  moe_layer_num_skipped: whole(0),
  mlp_bias: z.literal(false, { error: 'false: an MLP with biases is not known here' }),
  use_mla: z.literal(false, { error: 'false: latent attention is not known here' }),
});
type Hunyuan = z.output<typeof hunyuan>;

const shapeOf = (config: Hunyuan): Shape => ({
  ...plainShape({ ...config, head_dim: config.head_dim ?? config.attention_head_dim }),
  qkNorm: config.use_qk_norm ? 'head' : 'none',
  bias: attentionBias(config.attention_bias),
  kvShare: config.use_cla ? (config.cla_share_factor ?? 1) : 1,
  window: windowOf(config, () => true),
});

const withExperts = (config: Hunyuan): Shape => {
  const width = config.moe_intermediate_size ?? config.intermediate_size;
  const experts = expertsOf({
    count: config.num_experts,
    active: config.moe_topk,
    ffn: width,
    sharedFfn: config.use_mixed_mlp_moe ? width * (config.num_shared_expert ?? 1) : 0,
    layers: byLayer(config.num_hidden_layers, (layer) => layer >= config.moe_layer_num_skipped),
  });
  return { ...shapeOf(config), experts };
};

/** These configs may state the sizes of a latent that they do not use. */
const HUNYUAN: Settings = {
  ...USUAL,
  hidden_size: 4096,
  intermediate_size: 11008,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  vocab_size: 290943,
  use_qk_norm: true,
  use_cla: false,
  num_experts: 1,
  moe_topk: 1,
  use_mixed_mlp_moe: false,
  moe_layer_num_skipped: 0,
  use_mla: false,
};

export const hunyuanV1Dense: Architecture = {
  defaults: HUNYUAN,
  traits: ['latent attention'],
  schema: hunyuan.transform(shapeOf),
};

export const hunyuanV1Moe: Architecture = {
  defaults: HUNYUAN,
  traits: ['mixture of experts', 'latent attention'],
  schema: hunyuan.transform(withExperts),
};

/** The class that came with Hunyuan-Large's weights: dense with one expert. */
export const hunyuanLarge: Architecture = {
  defaults: { ...HUNYUAN, vocab_size: 32000, use_qk_norm: false },
  traits: ['mixture of experts', 'latent attention'],
  schema: hunyuan.transform((config) => (config.num_experts > 1 ? withExperts(config) : shapeOf(config))),
};
