/** Configs of every family of Hugging Face models, drawn at random. */
import fc from 'fast-check';
import type { Config } from './hugging-face-weights.ts';

const small = fc.integer({ min: 1, max: 9 });
/** Every setting that the family reads, stated; sizes that no released model has. */
export const anyConfig = (model_type: string): fc.Arbitrary<Config> =>
  fc
    .record({
      layers: fc.integer({ min: 2, max: 7 }),
      hidden: small,
      groups: small,
      share: small,
      head: small,
      ffn: small,
      expertFfn: small,
      sharedFfn: small,
      vocabulary: small,
      experts: fc.integer({ min: 2, max: 9 }),
      active: fc.integer({ min: 1, max: 2 }),
      shared: fc.integer({ min: 1, max: 3 }),
      dense: fc.integer({ min: 0, max: 1 }),
      step: fc.integer({ min: 1, max: 2 }),
      queryRank: fc.option(small),
      ranks: fc.tuple(small, small, small, small),
      flags: fc.tuple(fc.boolean(), fc.boolean(), fc.boolean(), fc.boolean(), fc.boolean(), fc.boolean()),
    })
    .map((drawn) => ({
      model_type,
      num_hidden_layers: drawn.layers,
      hidden_size: drawn.hidden,
      num_attention_heads: drawn.groups * drawn.share,
      num_key_value_heads: drawn.groups,
      head_dim: drawn.head,
      intermediate_size: drawn.ffn,
      vocab_size: drawn.vocabulary,
      tie_word_embeddings: drawn.flags[0],
      attention_bias: drawn.flags[1],
      mlp_bias: drawn.flags[2] && ['llama', 'nemotron'].includes(model_type),
      ...(drawn.flags[3] && model_type === 'phimoe' ? { lm_head_bias: true } : {}),
      ...(IS_MIXTURE.test(model_type) ? mixtureOf(model_type, drawn) : {}),
      ...(model_type.startsWith('hunyuan') ? { use_qk_norm: true, use_cla: false } : {}),
      ...(model_type === 'hunyuan'
        ? { use_qk_norm: drawn.flags[3], use_cla: drawn.flags[4], cla_share_factor: 2 }
        : {}),
      ...(IS_LATENT.test(model_type)
        ? {
            q_lora_rank: drawn.queryRank,
            kv_lora_rank: drawn.ranks[0],
            qk_nope_head_dim: drawn.ranks[1],
            qk_rope_head_dim: drawn.ranks[2],
            v_head_dim: drawn.ranks[3],
          }
        : {}),
    }));
const IS_LATENT = /^(?:deepseek|kimi)/u;
const IS_MIXTURE = /^(?:deepseek|kimi|mixtral|phimoe|gpt_oss|qwen\d_moe|hunyuan$|hunyuan_v1_moe)/u;

interface Drawn {
  readonly experts: number;
  readonly active: number;
  readonly shared: number;
  readonly expertFfn: number;
  readonly sharedFfn: number;
  readonly dense: number;
  readonly step: number;
  readonly flags: readonly boolean[];
}
const mixtureOf = (
  type: string,
  { experts, active, shared, expertFfn, sharedFfn, dense, step, flags }: Drawn,
): Config => {
  if (IS_LATENT.test(type))
    return {
      n_routed_experts: experts,
      num_experts_per_tok: active,
      n_shared_experts: shared,
      moe_intermediate_size: expertFfn,
      first_k_dense_replace: dense,
    };
  if (type.startsWith('hunyuan'))
    return { num_experts: experts, moe_topk: active, num_shared_expert: shared, use_mixed_mlp_moe: flags[5] };
  if (!type.startsWith('qwen')) return { num_local_experts: experts, num_experts_per_tok: active };
  return {
    num_experts: experts,
    num_experts_per_tok: active,
    moe_intermediate_size: expertFfn,
    shared_expert_intermediate_size: sharedFfn,
    decoder_sparse_step: step,
    mlp_only_layers: flags[5] ? [0] : [],
  };
};
