/** Llama and its kin: RMS norms, rotary positions, gated MLPs, grouped-query attention; and Mixtral's experts. */
import type { Model } from '../../scenario/model.ts';
import { PLAIN } from '../../scenario/model.ts';
import type { Correspondence } from './correspondence.ts';
import { linear, matrix, vector } from './correspondence.ts';
import type { Choice, Constants, Extent, Family } from './family.ts';

const NO_BIAS: Model['bias'] = { qkv: false, attentionOut: false, mlp: false, head: false };

const wantsOfAll = {
  ...PLAIN,
  norm: 'rmsnorm',
  position: 'rope',
  gated: true,
  activation: 'silu',
  parallelBlock: false,
  embeddingNorm: false,
  bias: NO_BIAS,
} as const satisfies Partial<Model>;

/** `modeling_llama.py` of huggingface/transformers; its rotary pairs are elements i and i + head_dim / 2, as ours are. */
export const llama: Family = {
  name: 'llama',
  className: 'LlamaForCausalLM',
  wants: ({ bias: { qkv, mlp } }) => ({ ...wantsOfAll, bias: { qkv, attentionOut: qkv, mlp, head: false } }),
  config: (model, extent) => ({
    ...decoderConfig(model, extent),
    intermediate_size: model.ffn,
    attention_bias: model.bias.qkv,
    mlp_bias: model.bias.mlp,
  }),
  weights: (model) => decoderWeights(model, denseMlp),
  arithmetic: (constants) => decoderArithmetic(constants, { epsilon: 1e-6, base: 10_000 }),
};

/** Llama with a window that every layer looks back over. */
export const mistral: Family = {
  name: 'mistral',
  className: 'MistralForCausalLM',
  wants: (model) => ({ ...wantsOfAll, window: everywhere(model) }),
  config: (model, extent) => ({
    ...decoderConfig(model, extent),
    intermediate_size: model.ffn,
    sliding_window: model.window?.size ?? null,
  }),
  weights: (model) => decoderWeights(model, denseMlp),
  arithmetic: (constants) => decoderArithmetic(constants, { epsilon: 1e-6, base: 10_000 }),
};

/** Experts in every layer, each of the MLP's width: `w1` is the gate, `w3` goes up and `w2` down. */
export const mixtral: Family = {
  name: 'mixtral',
  className: 'MixtralForCausalLM',
  wants: (model) => ({
    ...wantsOfAll,
    window: model.window === null ? null : everywhere(model),
    experts: {
      count: model.experts?.count ?? 1,
      active: model.experts?.active ?? 1,
      ffn: model.experts?.ffn ?? model.ffn,
      sharedFfn: 0,
      sharedGate: false,
      routerBias: false,
      bias: false,
      layers: Array.from({ length: model.layers }, () => true),
    },
  }),
  config: (model, extent) => ({
    ...decoderConfig(model, extent),
    intermediate_size: model.experts?.ffn ?? model.ffn,
    num_local_experts: model.experts?.count,
    num_experts_per_tok: model.experts?.active,
    sliding_window: model.window?.size ?? null,
  }),
  weights: (model) => decoderWeights(model, expertsMlp),
  arithmetic: (constants) => decoderArithmetic(constants, { epsilon: 1e-5, base: 1_000_000 }),
};

const everywhere = ({ window, layers }: Model): Model['window'] => ({
  size: window?.size ?? 4096,
  layers: Array.from({ length: layers }, () => true),
});

const decoderConfig = (model: Model, { normEpsilon, ropeBase, positions, first, last }: Extent): object => ({
  vocab_size: model.vocabulary,
  hidden_size: model.hidden,
  num_hidden_layers: model.layers,
  num_attention_heads: model.heads,
  num_key_value_heads: model.kvHeads,
  head_dim: model.headDim,
  max_position_embeddings: positions,
  hidden_act: 'silu',
  rms_norm_eps: normEpsilon,
  // Releases from 5.0 on read the second, older ones the first.
  rope_theta: ropeBase,
  rope_parameters: { rope_type: 'default', rope_theta: ropeBase },
  attention_dropout: model.dropout ? USUAL_DROPOUT : 0,
  tie_word_embeddings: model.tied,
  bos_token_id: first,
  eos_token_id: last,
});
const USUAL_DROPOUT = 0.1;

/** `usual`: what the configuration class has. Releases from 5.0 on nest what is about rotation in `rope_parameters`. */
const decoderArithmetic = (
  { normEpsilon, ropeBase }: Constants,
  usual: { readonly epsilon: number; readonly base: number },
): Readonly<Record<string, Choice>> => ({
  rms_norm_eps: { usual: usual.epsilon, known: [normEpsilon] },
  rope_theta: { usual: usual.base, known: [ropeBase] },
  rope_type: { usual: 'default', known: ['default'] },
  hidden_act: { usual: 'silu', known: ['silu', 'swish'] },
});

type Mlp = (model: Model, there: string, here: string) => readonly Correspondence[];

const decoderWeights = (model: Model, mlp: Mlp): readonly Correspondence[] => {
  const { vocabulary, hidden } = model;
  return [
    matrix('model.embed_tokens.weight', 'token embedding', [vocabulary, hidden]),
    ...Array.from({ length: model.layers }, (_, layer) => [
      ...attention(model, `model.layers.${layer}`, `layers.${layer}`),
      ...mlp(model, `model.layers.${layer}`, `layers.${layer}`),
    ]).flat(),
    vector('model.norm.weight', 'final norm gain', { width: hidden }),
    ...(model.tied ? [] : [matrix('lm_head.weight', 'head', [vocabulary, hidden])]),
  ];
};

/** Our one projection makes queries, keys and values, in this order. */
const attention = (model: Model, there: string, here: string): readonly Correspondence[] => {
  const { hidden, heads, kvHeads, headDim, bias } = model;
  const [queries, keys] = [heads * headDim, kvHeads * headDim];
  const width = queries + 2 * keys;
  const parts = [
    { name: 'q_proj', first: 0, columns: queries },
    { name: 'k_proj', first: queries, columns: keys },
    { name: 'v_proj', first: queries + keys, columns: keys },
  ];
  return [
    vector(`${there}.input_layernorm.weight`, `${here}.attention norm gain`, { width: hidden }),
    ...parts.flatMap(({ name, ...part }) => [
      linear(`${there}.self_attn.${name}.weight`, `${here}.qkv`, { inputs: hidden, width, ...part }),
      ...(bias.qkv ? [vector(`${there}.self_attn.${name}.bias`, `${here}.qkv bias`, { width, ...part })] : []),
    ]),
    linear(`${there}.self_attn.o_proj.weight`, `${here}.attention out`, { inputs: queries, width: hidden }),
    ...(bias.attentionOut
      ? [vector(`${there}.self_attn.o_proj.bias`, `${here}.attention out bias`, { width: hidden })]
      : []),
    vector(`${there}.post_attention_layernorm.weight`, `${here}.mlp norm gain`, { width: hidden }),
  ];
};

/** The gate's columns stand in front of the others. */
const denseMlp: Mlp = ({ hidden, ffn, bias }, there, here) =>
  gatedMlp({
    names: ['gate_proj', 'up_proj', 'down_proj'].map((name) => `${there}.mlp.${name}`),
    up: `${here}.mlp up`,
    down: `${here}.mlp down`,
    hidden,
    ffn,
    hasBias: bias.mlp,
  });

const expertsMlp: Mlp = ({ hidden, experts, ffn }, there, here) => [
  linear(`${there}.block_sparse_moe.gate.weight`, `${here}.router`, { inputs: hidden, width: experts?.count ?? 0 }),
  ...Array.from({ length: experts?.count ?? 0 }, (_, expert) =>
    gatedMlp({
      names: ['w1', 'w3', 'w2'].map((name) => `${there}.block_sparse_moe.experts.${expert}.${name}`),
      up: `${here}.experts.${expert}.up`,
      down: `${here}.experts.${expert}.down`,
      hidden,
      ffn: experts?.ffn ?? ffn,
      hasBias: false,
    }),
  ).flat(),
];

interface GatedMlp {
  /** Of gate, up and down. */
  readonly names: readonly string[];
  readonly up: string;
  readonly down: string;
  readonly hidden: number;
  readonly ffn: number;
  readonly hasBias: boolean;
}
const gatedMlp = ({ names, up, down, hidden, ffn, hasBias }: GatedMlp): readonly Correspondence[] => {
  const [gateName, upName, downName] = names;
  const parts = [
    { name: gateName, first: 0, columns: ffn },
    { name: upName, first: ffn, columns: ffn },
  ];
  return [
    ...parts.flatMap(({ name, ...part }) => [
      linear(`${name}.weight`, up, { inputs: hidden, width: 2 * ffn, ...part }),
      ...(hasBias ? [vector(`${name}.bias`, `${up} bias`, { width: 2 * ffn, ...part })] : []),
    ]),
    linear(`${downName}.weight`, down, { inputs: ffn, width: hidden }),
    ...(hasBias ? [vector(`${downName}.bias`, `${down} bias`, { width: hidden })] : []),
  ];
};
