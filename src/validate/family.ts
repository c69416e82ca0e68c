/** What the block of a model is like beyond its sizes: by the family that its name says, or else by whether its MLP is gated. */
import type { Experts, Model } from '../scenario/model.ts';
import { PLAIN } from '../scenario/model.ts';
import type { Row } from './row.ts';

export type Block = Pick<
  Model,
  | 'activation'
  | 'norm'
  | 'parallelBlock'
  | 'position'
  | 'tied'
  | 'bias'
  | 'embeddingNorm'
  | 'dropout'
  | 'qkNorm'
  | 'sinks'
  | 'postNorms'
  | 'kvShare'
>;
export type ExpertHabits = Pick<Experts, 'routerBias' | 'bias' | 'sharedGate'>;

interface Family {
  /** Whose block it is. */
  readonly name: string;
  readonly block: Block;
  readonly experts: ExpertHabits;
}

const NO_BIAS = { qkv: false, attentionOut: false, mlp: false, head: false } as const;
const BIAS = { qkv: true, attentionOut: true, mlp: true, head: false } as const;
const NOTHING_ELSE = {
  qkNorm: PLAIN.qkNorm,
  sinks: PLAIN.sinks,
  postNorms: PLAIN.postNorms,
  kvShare: PLAIN.kvShare,
} as const;
const PLAIN_EXPERTS: ExpertHabits = { routerBias: false, bias: false, sharedGate: false };

/** A gated MLP came with Llama, and the rest of its block with it. */
const LLAMA: Block = {
  ...NOTHING_ELSE,
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
const GPT: Block = {
  ...NOTHING_ELSE,
  activation: 'gelu',
  norm: 'layernorm',
  parallelBlock: false,
  position: 'learned',
  tied: true,
  bias: BIAS,
  embeddingNorm: false,
  dropout: true,
};

/** The families that differ from both, by the name of the model; what they are stands in scenarios/models/ with its source. */
const FAMILIES: readonly (readonly [name: RegExp, block: Block, experts?: Partial<ExpertHabits>])[] = [
  [/^bloom/, { ...GPT, position: 'alibi', embeddingNorm: true, dropout: false }],
  [/^mpt/, { ...GPT, bias: NO_BIAS, dropout: false }],
  [/neox|pythia/, { ...GPT, position: 'rope', tied: false, parallelBlock: true, dropout: false }],
  [/^falcon/, { ...GPT, position: 'rope', parallelBlock: true, bias: NO_BIAS, dropout: false }],
  [/^palm/, { ...LLAMA, norm: 'layernorm', parallelBlock: true, tied: true }],
  [
    /^nemotron-?4/,
    { ...GPT, activation: 'squared-relu', position: 'rope', tied: false, bias: NO_BIAS, dropout: false },
  ],
  [/^glm/, { ...GPT, position: 'rope', tied: false }],
  [/^qwen2/, { ...LLAMA, bias: { ...NO_BIAS, qkv: true } }, { sharedGate: true }],
  [/^qwen3/, { ...LLAMA, qkNorm: 'head' }],
  [/^gemma-?[23]/, { ...LLAMA, activation: 'gelu', tied: true, postNorms: true }],
  [/^gemma/, { ...LLAMA, activation: 'gelu', tied: true }],
  [/^gpt-oss/, { ...LLAMA, bias: BIAS, sinks: true }, { routerBias: true, bias: true }],
  [/^(deepseek-v3|kimi-k2)/, LLAMA, { routerBias: true }],
  [/^grok/, { ...LLAMA, activation: 'gelu', postNorms: true, tied: true }],
  [/^hunyuan-large/, { ...LLAMA, qkNorm: 'head', kvShare: 2, tied: true }],
];

export const familyOf = (row: Row, gated: boolean): Family => {
  const modelName = row.model.name?.toLowerCase() ?? '';
  for (const [pattern, block, experts] of FAMILIES) {
    const name = pattern.exec(modelName)?.[0];
    if (name !== undefined) return { name, block: statedOver(block, row), experts: { ...PLAIN_EXPERTS, ...experts } };
  }
  const [name, block] = gated ? (['llama', LLAMA] as const) : (['gpt', GPT] as const);
  return { name, block: statedOver(block, row), experts: PLAIN_EXPERTS };
};

/** What the row itself says counts before its family. */
const statedOver = (block: Block, { model, framework }: Row): Block => ({
  ...block,
  activation: activationOf(model.act) ?? block.activation,
  position: positionOf(model.pos) ?? block.position,
  tied: model.tied_embeddings ?? block.tied,
  parallelBlock: block.parallelBlock || framework?.startsWith('MegaScale') === true,
});

const activationOf = (name: string | null): Model['activation'] | null => {
  if (name === null) return null;
  if (/squared|relu2|relu\^2/.test(name)) return 'squared-relu';
  if (/relu/.test(name)) return 'relu';
  return /silu|swiglu|swish/.test(name) ? 'silu' : 'gelu';
};
const positionOf = (name: string | null): Model['position'] | null =>
  name === 'learned' || name === 'rope' || name === 'alibi' || name === 'none' ? name : null;
