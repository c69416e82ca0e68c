/** The config.json of GPT-2 and of GPT-NeoX (Pythia). */
import { z } from 'zod';
import type { Architecture, Shape } from './hugging-face-settings.ts';
import { activation, depth, positive, rate } from './hugging-face-settings.ts';
import { PLAIN } from './model.ts';
import { flag } from './shape.ts';

const gpt2Settings = z.looseObject({
  n_embd: positive,
  n_layer: depth,
  n_head: positive,
  n_inner: positive.nullish(),
  n_positions: positive,
  vocab_size: positive,
  activation_function: activation.default('gelu'),
  tie_word_embeddings: flag.default(true),
  resid_pdrop: rate.default(0.1),
  embd_pdrop: rate.default(0.1),
  attn_pdrop: rate.default(0.1),
  add_cross_attention: z.literal(false, { error: 'false: cross attention is not known here' }).default(false),
});

const gpt2Shape = (config: z.output<typeof gpt2Settings>): Shape => ({
  ...PLAIN,
  layers: config.n_layer,
  hidden: config.n_embd,
  heads: config.n_head,
  kvHeads: config.n_head,
  headDim: config.n_embd / config.n_head,
  ffn: config.n_inner ?? 4 * config.n_embd,
  gated: false,
  activation: config.activation_function,
  norm: 'layernorm',
  parallelBlock: false,
  position: 'learned',
  positions: config.n_positions,
  vocabulary: config.vocab_size,
  tied: config.tie_word_embeddings,
  bias: { qkv: true, attentionOut: true, mlp: true, head: false },
  embeddingNorm: false,
  dropout: Math.max(config.resid_pdrop, config.embd_pdrop, config.attn_pdrop) > 0,
});

export const gpt2: Architecture = { defaults: {}, schema: gpt2Settings.transform(gpt2Shape) };

const neoxSettings = z.looseObject({
  hidden_size: positive,
  intermediate_size: positive,
  num_hidden_layers: depth,
  num_attention_heads: positive,
  vocab_size: positive,
  hidden_act: activation.default('gelu'),
  tie_word_embeddings: flag.default(false),
  use_parallel_residual: flag.default(true),
  attention_bias: flag.default(true),
  attention_dropout: rate.default(0),
  hidden_dropout: rate.default(0),
});

const neoxShape = (config: z.output<typeof neoxSettings>): Shape => ({
  ...PLAIN,
  layers: config.num_hidden_layers,
  hidden: config.hidden_size,
  heads: config.num_attention_heads,
  kvHeads: config.num_attention_heads,
  headDim: config.hidden_size / config.num_attention_heads,
  ffn: config.intermediate_size,
  gated: false,
  activation: config.hidden_act,
  norm: 'layernorm',
  parallelBlock: config.use_parallel_residual,
  position: 'rope',
  positions: 0,
  vocabulary: config.vocab_size,
  tied: config.tie_word_embeddings,
  bias: { qkv: config.attention_bias, attentionOut: config.attention_bias, mlp: true, head: false },
  embeddingNorm: false,
  dropout: Math.max(config.attention_dropout, config.hidden_dropout) > 0,
});

export const gptNeox: Architecture = { defaults: {}, schema: neoxSettings.transform(neoxShape) };
