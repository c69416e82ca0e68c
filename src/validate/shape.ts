/** The model of a row: what it states, and what its family has where it is silent. */
import type { Model } from '../scenario/model.ts';
import { GIGA } from './row-unit.ts';
import type { Filled } from './filled.ts';
import type { Row } from './row.ts';

type Family = Pick<
  Model,
  'activation' | 'norm' | 'parallelBlock' | 'position' | 'tied' | 'bias' | 'embeddingNorm' | 'dropout'
>;

const NO_BIAS = { qkv: false, attentionOut: false, mlp: false, head: false } as const;
const BIAS = { qkv: true, attentionOut: true, mlp: true, head: false } as const;

/** A gated MLP came with Llama, and the rest of its block with it. */
const LLAMA: Family = {
  activation: 'silu',
  norm: 'rmsnorm',
  parallelBlock: false,
  position: 'rope',
  tied: false,
  bias: NO_BIAS,
  embeddingNorm: false,
  dropout: false,
};
/** Brown et al. 2020, as Megatron-LM trains it. */
const GPT: Family = {
  activation: 'gelu',
  norm: 'layernorm',
  parallelBlock: false,
  position: 'learned',
  tied: true,
  bias: BIAS,
  embeddingNorm: false,
  dropout: true,
};

/** The families that differ from both, by the name of the model. */
const FAMILIES: readonly (readonly [name: RegExp, family: Family])[] = [
  [/^bloom/, { ...GPT, position: 'alibi', embeddingNorm: true, dropout: false }],
  [/^mpt/, { ...GPT, bias: NO_BIAS, dropout: false }],
  [/neox|pythia/, { ...GPT, position: 'rope', tied: false, parallelBlock: true, dropout: false }],
  [/^falcon/, { ...GPT, position: 'rope', parallelBlock: true, bias: NO_BIAS, dropout: false }],
  [/^palm/, { ...LLAMA, norm: 'layernorm', parallelBlock: true, tied: true }],
  [/^nemotron4/, { ...GPT, activation: 'relu', position: 'rope', tied: false, bias: NO_BIAS, dropout: false }],
  [/^glm/, { ...GPT, position: 'rope', tied: false }],
  [/^qwen2/, { ...LLAMA, bias: { ...NO_BIAS, qkv: true } }],
  [/^gemma/, { ...LLAMA, activation: 'gelu', tied: true }],
];

const SEQUENCE = 2_048;
const VOCABULARY = 51_200;
const HEAD_DIM = 128;
/** Hidden elements a layer: 12288 / 96 of GPT-3 175B, 8192 / 80 of Llama 2 70B, 16384 / 126 of Llama 3.1 405B. */
const HIDDEN_PER_LAYER = 128;

/** What the row leaves out comes from its number of parameters; with neither, `shapeRefusal` has refused it. */
export const shapeOf = (row: Row): Filled<Model> & { sequence: number } => {
  const { model } = row;
  const assumed: string[] = [];
  const fill = (value: number | null, otherwise: number, words: string): number => {
    if (value === null) assumed.push(words.replace('$', String(otherwise)));
    return value ?? otherwise;
  };
  const derived = aspect(model.params_b ?? 0);
  const layers = fill(model.layers, derived.layers, 'layers $: from the parameters at 128 hidden elements a layer');
  const hidden = fill(model.hidden, derived.hidden, 'hidden $: from the parameters at 128 hidden elements a layer');
  const heads = fill(model.heads, Math.max(1, Math.round(hidden / HEAD_DIM)), 'heads $: of 128 elements');
  const sequence = fill(model.seq, SEQUENCE, 'seq $: not stated');
  const gated = model.gated ?? false;
  const family = familyOf(row, gated);
  const value: Model = {
    ...family,
    name: model.name ?? row.id,
    layers,
    hidden,
    heads,
    kvHeads: fill(model.kv_heads, heads, 'kv_heads $: as many as heads'),
    headDim: model.head_dim ?? Math.floor(hidden / heads),
    ffn: fill(model.ffn, 4 * hidden, 'ffn $: 4 x hidden'),
    gated,
    vocabulary: fill(model.vocab, VOCABULARY, 'vocab $: not stated'),
    positions: family.position === 'learned' ? sequence : 0,
    source: 'the measured row',
  };
  return { value, assumed, sequence };
};

/** 12 L h^2 parameters with h = 128 L, h a multiple of the head so that heads and tensor ranks divide it. */
const aspect = (billions: number): { layers: number; hidden: number } => {
  const layers = Math.max(1, Math.round(Math.cbrt((billions * GIGA) / (12 * HIDDEN_PER_LAYER ** 2)) / 2) * 2);
  const hidden = Math.max(1, Math.round(Math.sqrt((billions * GIGA) / (12 * layers)) / 1024)) * 1024;
  return { layers, hidden };
};

const familyOf = ({ model, framework }: Row, gated: boolean): Family => {
  const family = FAMILIES.find(([name]) => name.test(model.name?.toLowerCase() ?? ''))?.[1] ?? (gated ? LLAMA : GPT);
  return {
    ...family,
    activation: activationOf(model.act) ?? family.activation,
    position: positionOf(model.pos) ?? family.position,
    tied: model.tied_embeddings ?? family.tied,
    parallelBlock: family.parallelBlock || framework?.startsWith('MegaScale') === true,
  };
};

const activationOf = (name: string | null): Model['activation'] | null => {
  if (name === null) return null;
  if (/relu/.test(name)) return 'relu';
  return /silu|swiglu|swish/.test(name) ? 'silu' : 'gelu';
};
const positionOf = (name: string | null): Model['position'] | null =>
  name === 'learned' || name === 'rope' || name === 'alibi' || name === 'none' ? name : null;

/** Why the model is no dense decoder; null when it is one. */
export const architectureRefusal = ({ model }: Row): string | null => {
  const { name, moe, active_b: activeParameters, mla, arch } = model;
  if (moe !== null || activeParameters !== null || /\bmoe\b/i.test(name ?? ''))
    return 'a mixture of experts is not predicted yet';
  if (mla !== null) return 'multi-head latent attention is not predicted yet';
  if (arch !== null && /hybrid|mamba|moe|sparse/i.test(arch))
    return 'a model of other layers than attention and a dense MLP is not predicted yet';
  if (/^t5/i.test(name ?? '')) return 'an encoder with a decoder is not predicted yet';
  return null;
};

/** Why no shape can be made out; null when one can. */
export const shapeRefusal = ({ model }: Row): string | null =>
  (model.layers === null || model.hidden === null) && model.params_b === null
    ? 'the model has neither a shape nor a number of parameters'
    : null;
