/** What the settings of Hugging Face configurations have in common. */
import { z } from 'zod';
import type { Experts, Model } from './model.ts';
import { PLAIN } from './model.ts';
import { LAYERS_MAX, WIDTH_MAX } from './model-schema.ts';
import { flag, oneOf, whole } from './shape.ts';

/** A model but for what only its file can say. */
export type Shape = Omit<Model, 'name' | 'source'>;
export type Settings = Readonly<Record<string, unknown>>;

/** What a config can give away that a plain decoder is not made of. */
export type Trait =
  | 'mixture of experts'
  | 'latent attention'
  | 'state-space layers'
  | 'an encoder beside the decoder'
  | 'images or sound beside text';

/** How the config.json of one `model_type` is read. */
export interface Architecture {
  /** What its configuration class in huggingface/transformers takes for what is left out. */
  readonly defaults: Settings;
  /** Settings that are also written under another name. */
  readonly aliases?: Readonly<Record<string, string>>;
  /** What it has beyond a plain decoder. */
  readonly traits?: readonly Trait[];
  readonly schema: z.ZodType<Shape>;
}

const ACTIVATIONS: Readonly<Record<string, Model['activation']>> = {
  gelu: 'gelu',
  gelu_new: 'gelu',
  gelu_fast: 'gelu',
  gelu_python: 'gelu',
  gelu_pytorch_tanh: 'gelu',
  silu: 'silu',
  swish: 'silu',
  relu: 'relu',
  relu2: 'squared-relu',
};
export const activation = oneOf(Object.keys(ACTIVATIONS)).transform((name) => ACTIVATIONS[name] ?? 'gelu');
export const depth = whole(1, LAYERS_MAX);
export const positive = whole(1, WIDTH_MAX);
export const rate = z
  .number({ error: 'a probability' })
  .min(0, { error: 'a probability' })
  .max(1, { error: 'a probability' });

/** The settings of Llama, which most decoders took over. */
export const decoder = z.looseObject({
  hidden_size: positive,
  intermediate_size: positive,
  num_hidden_layers: depth,
  num_attention_heads: positive,
  num_key_value_heads: positive.nullish(),
  head_dim: positive.nullish(),
  vocab_size: positive,
  hidden_act: activation,
  tie_word_embeddings: flag,
  attention_bias: flag,
  mlp_bias: flag,
  attention_dropout: rate,
});
/** What nearly every configuration class takes for those that are not its size. */
export const USUAL: Settings = {
  hidden_act: 'silu',
  tie_word_embeddings: false,
  attention_bias: false,
  mlp_bias: false,
  attention_dropout: 0,
};

export const NO_BIAS: Model['bias'] = { qkv: false, attentionOut: false, mlp: false, head: false };
export const attentionBias = (hasBias: boolean): Model['bias'] => ({
  ...NO_BIAS,
  qkv: hasBias,
  attentionOut: hasBias,
});

/** A decoder of gated MLPs, RMS norms and rotary positions, without biases. */
export const plainShape = (config: z.output<typeof decoder>): Shape => ({
  ...PLAIN,
  layers: config.num_hidden_layers,
  hidden: config.hidden_size,
  heads: config.num_attention_heads,
  kvHeads: config.num_key_value_heads ?? config.num_attention_heads,
  headDim: config.head_dim ?? config.hidden_size / config.num_attention_heads,
  ffn: config.intermediate_size,
  gated: true,
  activation: config.hidden_act,
  norm: 'rmsnorm',
  parallelBlock: false,
  position: 'rope',
  positions: 0,
  vocabulary: config.vocab_size,
  tied: config.tie_word_embeddings,
  bias: NO_BIAS,
  embeddingNorm: false,
  dropout: config.attention_dropout > 0,
});

/** Experts without biases, and with no shared one, unless told otherwise; null when no layer has them. */
export const expertsOf = (
  given: Pick<Experts, 'count' | 'active' | 'ffn' | 'layers'> & Partial<Experts>,
): Experts | null =>
  given.layers.includes(true) ? { sharedFfn: 0, sharedGate: false, routerBias: false, bias: false, ...given } : null;
