/** Llama's config.json and those of its descendants, Mistral and Qwen2. */
import { z } from 'zod';
import { activation, depth, positive, rate } from './hugging-face-settings.ts';
import type { Shape } from './hugging-face-settings.ts';
import type { Model } from './model.ts';
import { flag, whole } from './shape.ts';

export const llamaLike = z.looseObject({
  hidden_size: positive,
  intermediate_size: positive,
  num_hidden_layers: depth,
  num_attention_heads: positive,
  num_key_value_heads: positive.nullish(),
  head_dim: positive.nullish(),
  vocab_size: positive,
  hidden_act: activation.default('silu'),
  tie_word_embeddings: flag.default(false),
  attention_bias: flag.default(false),
  mlp_bias: flag.default(false),
  attention_dropout: rate.default(0),
  sliding_window: whole(0).nullish(),
  use_sliding_window: flag.default(false),
});
type LlamaLike = z.output<typeof llamaLike>;

/** Where the descendants of Llama differ: defaults of the configuration classes in huggingface/transformers. */
interface Dialect {
  /** When num_key_value_heads is absent; null is as many as heads, as an explicit null always is. */
  readonly kvHeads: number | null;
  readonly bias: (config: LlamaLike) => Model['bias'];
  /** Tokens that attention looks back over, when that is not all of them. */
  readonly window: (config: LlamaLike) => number | null;
}
const noBias = { qkv: false, attentionOut: false, mlp: false, head: false };

export const DIALECTS: Readonly<Record<'llama' | 'mistral' | 'qwen2', Dialect>> = {
  llama: {
    kvHeads: null,
    bias: ({ attention_bias: attention, mlp_bias: mlp }) => ({
      qkv: attention,
      attentionOut: attention,
      mlp,
      head: false,
    }),
    window: () => null,
  },
  mistral: {
    kvHeads: 8,
    bias: () => noBias,
    window: ({ sliding_window: window }) => (window === undefined ? 4096 : window),
  },
  qwen2: {
    kvHeads: 32,
    bias: () => ({ ...noBias, qkv: true }),
    window: ({ sliding_window: window, use_sliding_window: isUsed }) => (isUsed ? (window ?? 4096) : null),
  },
};

export const fromLlamaLike =
  ({ kvHeads, bias, window }: Dialect) =>
  (config: LlamaLike): Shape => {
    const heads = config.num_attention_heads;
    const given = config.num_key_value_heads;
    const reach = window(config);
    return {
      layers: config.num_hidden_layers,
      hidden: config.hidden_size,
      heads,
      kvHeads: (given === undefined ? kvHeads : given) ?? heads,
      headDim: config.head_dim ?? config.hidden_size / heads,
      ffn: config.intermediate_size,
      gated: true,
      activation: config.hidden_act,
      norm: 'rmsnorm',
      parallelBlock: false,
      position: 'rope',
      positions: 0,
      vocabulary: config.vocab_size,
      tied: config.tie_word_embeddings,
      bias: bias(config),
      embeddingNorm: false,
      dropout: config.attention_dropout > 0,
      ...(reach !== null && { notes: [windowNote(reach)] }),
    };
  };
const windowNote = (reach: number): string =>
  `Attention looks back over ${reach} tokens in this model; here it is counted over the whole sequence.`;
