/**
 * The weights that a Hugging Face class makes of its config, by name and shape, written down from the modeling files of
 * huggingface/transformers: a second way to count parameters, which shares nothing with the first.
 */
export type Config = Readonly<Record<string, unknown>>;
export interface Weight {
  readonly name: string;
  readonly shape: readonly number[];
}

const w = (name: string, ...shape: readonly number[]): Weight => ({ name, shape });
const linear = (name: string, [rows, columns]: readonly [number, number], hasBias = false): readonly Weight[] => [
  w(`${name}.weight`, rows, columns),
  ...(hasBias ? [w(`${name}.bias`, rows)] : []),
];
const within = (prefix: string, weights: readonly Weight[]): readonly Weight[] =>
  weights.map(({ name, shape }) => ({ name: `${prefix}.${name}`, shape }));

/** Reads the settings, all of which these configs state. */
const reader = (config: Config) => {
  const n = (key: string): number => Number(config[key]);
  const has = (key: string): boolean => Boolean(config[key]);
  return { n, has, hidden: n('hidden_size'), ffn: n('intermediate_size') };
};

type Part = (config: Config, layer: number) => readonly Weight[];

const gatedMlp = (hidden: number, width: number, hasBias = false): readonly Weight[] => [
  ...linear('gate_proj', [width, hidden], hasBias),
  ...linear('up_proj', [width, hidden], hasBias),
  ...linear('down_proj', [hidden, width], hasBias),
];
const denseMlp: Part = (config) => {
  const { has, hidden, ffn } = reader(config);
  return gatedMlp(hidden, ffn, has('mlp_bias'));
};

/** Grouped-query attention; the callers say where its biases and norms are. */
const attention =
  ({
    qkv = false,
    out = false,
    norm = 'none',
  }: {
    qkv?: boolean;
    out?: boolean;
    norm?: 'none' | 'head' | 'all';
  }): Part =>
  (config) => {
    const { n, hidden } = reader(config);
    const head = n('head_dim');
    const queries = n('num_attention_heads') * head;
    const keys = n('num_key_value_heads') * head;
    const gains = { none: [], head: [head, head], all: [queries, keys] }[norm];
    return [
      ...linear('q_proj', [queries, hidden], qkv),
      ...linear('k_proj', [keys, hidden], qkv),
      ...linear('v_proj', [keys, hidden], qkv),
      ...linear('o_proj', [hidden, queries], out),
      ...gains.map((gain, index) => w(`norm.${index}`, gain)),
    ];
  };
const asConfigured: Part = (config, layer) => {
  const hasBias = reader(config).has('attention_bias');
  return attention({ qkv: hasBias, out: hasBias })(config, layer);
};
const qwen3Attention: Part = (config, layer) => {
  const hasBias = reader(config).has('attention_bias');
  return attention({ qkv: hasBias, out: hasBias, norm: 'head' })(config, layer);
};
const olmoAttention: Part = (config, layer) => {
  const hasBias = reader(config).has('attention_bias');
  return attention({ qkv: hasBias, out: hasBias, norm: 'all' })(config, layer);
};
/** Of the layers that share keys and values only the first has projections for them; each has both norms. */
const hunyuanAttention: Part = (config, layer) => {
  const { n, has } = reader(config);
  const isOwner = !has('use_cla') || layer % n('cla_share_factor') === 0;
  return qwen3Attention(config, layer)
    .filter(({ name }) => isOwner || !/^[kv]_proj/u.test(name))
    .filter(({ name }) => has('use_qk_norm') || !name.startsWith('norm'));
};
const gptOssAttention: Part = (config, layer) => [
  ...asConfigured(config, layer),
  w('sinks', reader(config).n('num_attention_heads')),
];
const latentAttention: Part = (config) => {
  const { n, has, hidden } = reader(config);
  const heads = n('num_attention_heads');
  const query = n('qk_nope_head_dim') + n('qk_rope_head_dim');
  const hasBias = has('attention_bias');
  const queries = has('q_lora_rank')
    ? [
        ...linear('q_a_proj', [n('q_lora_rank'), hidden], hasBias),
        w('q_a_layernorm.weight', n('q_lora_rank')),
        ...linear('q_b_proj', [heads * query, n('q_lora_rank')]),
      ]
    : linear('q_proj', [heads * query, hidden]);
  return [
    ...queries,
    ...linear('kv_a_proj_with_mqa', [n('kv_lora_rank') + n('qk_rope_head_dim'), hidden], hasBias),
    w('kv_a_layernorm.weight', n('kv_lora_rank')),
    ...linear('kv_b_proj', [heads * (n('qk_nope_head_dim') + n('v_head_dim')), n('kv_lora_rank')]),
    ...linear('o_proj', [hidden, heads * n('v_head_dim')], hasBias),
  ];
};

const routed = (count: number, expert: readonly Weight[]): readonly Weight[] =>
  Array.from({ length: count }, (_, index) => within(`experts.${index}`, expert)).flat();

const mixtralMlp: Part = (config) => {
  const { n, hidden, ffn } = reader(config);
  const count = n('num_local_experts');
  return [...linear('gate', [count, hidden]), ...routed(count, gatedMlp(hidden, ffn))];
};
const isSparse = (config: Config, layer: number): boolean => {
  const dense = config['mlp_only_layers'];
  const isNamed = Array.isArray(dense) && dense.includes(layer);
  return !isNamed && (layer + 1) % reader(config).n('decoder_sparse_step') === 0;
};
const qwen3Mlp: Part = (config, layer) => {
  const { n, hidden } = reader(config);
  if (!isSparse(config, layer)) return denseMlp(config, layer);
  const count = n('num_experts');
  return [...linear('gate', [count, hidden]), ...routed(count, gatedMlp(hidden, n('moe_intermediate_size')))];
};
const qwen2Mlp: Part = (config, layer) => {
  const { n, hidden } = reader(config);
  if (!isSparse(config, layer)) return denseMlp(config, layer);
  return [
    ...qwen3Mlp(config, layer),
    ...within('shared_expert', gatedMlp(hidden, n('shared_expert_intermediate_size'))),
    ...linear('shared_expert_gate', [1, hidden]),
  ];
};
const deepseekMlp =
  (hasCorrection: boolean): Part =>
  (config, layer) => {
    const { n, hidden } = reader(config);
    if (layer < n('first_k_dense_replace')) return denseMlp(config, layer);
    const count = n('n_routed_experts');
    const width = n('moe_intermediate_size');
    return [
      ...linear('gate', [count, hidden]),
      ...(hasCorrection ? [w('gate.e_score_correction_bias', count)] : []),
      ...routed(count, gatedMlp(hidden, width)),
      ...within('shared_experts', gatedMlp(hidden, width * n('n_shared_experts'))),
    ];
  };
const gptOssMlp: Part = (config) => {
  const { n, hidden, ffn } = reader(config);
  const count = n('num_local_experts');
  const expert = [
    w('gate_up_proj', hidden, 2 * ffn),
    w('gate_up_proj_bias', 2 * ffn),
    w('down_proj', ffn, hidden),
    w('down_proj_bias', hidden),
  ];
  return [...linear('router', [count, hidden], true), ...routed(count, expert)];
};
const hunyuanMlp: Part = (config) => {
  const { n, has, hidden, ffn } = reader(config);
  const count = n('num_experts');
  return [
    ...linear('gate.wg', [count, hidden]),
    ...(has('use_mixed_mlp_moe') ? within('shared_mlp', gatedMlp(hidden, ffn * n('num_shared_expert'))) : []),
    ...routed(count, gatedMlp(hidden, ffn)),
  ];
};
const nemotronMlp: Part = (config) => {
  const { has, hidden, ffn } = reader(config);
  const hasBias = has('mlp_bias');
  return [...linear('up_proj', [ffn, hidden], hasBias), ...linear('down_proj', [hidden, ffn], hasBias)];
};

interface Family {
  readonly attention: Part;
  readonly mlp: Part;
  /** Norms of a layer, and the vectors that one of them has. */
  readonly norms: number;
  readonly normVectors: number;
}
const family = (attend: Part, mlp: Part, { norms = 2, normVectors = 1 } = {}): Family => ({
  attention: attend,
  mlp,
  norms,
  normVectors,
});

export const FAMILIES: Readonly<Record<string, Family>> = {
  llama: family(asConfigured, denseMlp),
  mistral: family(attention({}), denseMlp),
  phi3: family(attention({}), denseMlp),
  qwen2: family(attention({ qkv: true }), denseMlp),
  qwen3: family(qwen3Attention, denseMlp),
  olmo2: family(olmoAttention, denseMlp),
  nemotron: family(asConfigured, nemotronMlp, { normVectors: 2 }),
  gemma: family(asConfigured, denseMlp),
  gemma2: family(asConfigured, denseMlp, { norms: 4 }),
  gemma3_text: family(qwen3Attention, denseMlp, { norms: 4 }),
  mixtral: family(attention({}), mixtralMlp),
  phimoe: family(asConfigured, mixtralMlp, { normVectors: 2 }),
  qwen2_moe: family(attention({ qkv: true }), qwen2Mlp),
  qwen3_moe: family(qwen3Attention, qwen3Mlp),
  gpt_oss: family(gptOssAttention, gptOssMlp),
  deepseek_v2: family(latentAttention, deepseekMlp(false)),
  deepseek_v3: family(latentAttention, deepseekMlp(true)),
  kimi_k2: family(latentAttention, deepseekMlp(true)),
  hunyuan: family(hunyuanAttention, hunyuanMlp),
  hunyuan_v1_dense: family(qwen3Attention, denseMlp),
  hunyuan_v1_moe: family(hunyuanAttention, hunyuanMlp),
};

const weightsOf = (config: Config): readonly Weight[] => {
  const { n, has, hidden } = reader(config);
  const found = FAMILIES[String(config['model_type'])];
  if (found === undefined) throw new RangeError(`no family ${String(config['model_type'])}`);
  const norm = (name: string): readonly Weight[] =>
    Array.from({ length: found.normVectors }, (_, index) => w(`${name}.${index}`, hidden));
  const layers = Array.from({ length: n('num_hidden_layers') }, (_, layer) =>
    within(`layers.${layer}`, [
      ...within('self_attn', found.attention(config, layer)),
      ...within('mlp', found.mlp(config, layer)),
      ...Array.from({ length: found.norms }, (_norm, index) => norm(`norm${index}`)).flat(),
    ]),
  );
  const head = linear('lm_head', [n('vocab_size'), hidden], has('lm_head_bias'));
  return [
    w('embed_tokens.weight', n('vocab_size'), hidden),
    ...layers.flat(),
    ...norm('norm'),
    ...head.filter(({ name }) => !has('tie_word_embeddings') || name.endsWith('bias')),
  ];
};

const sizeOf = (weights: readonly Weight[]): number =>
  weights.reduce((total, { shape }) => total + shape.reduce((product, dim) => product * dim, 1), 0);

export const countWeights = (config: Config): number => sizeOf(weightsOf(config));

/** Those of the first experts only, as many as a token goes to. */
export const activeWeightsOf = (config: Config): readonly Weight[] => {
  const active = Number(config['num_experts_per_tok'] ?? config['moe_topk'] ?? 0);
  return weightsOf(config).filter(({ name }) => {
    const [, expert] = /\.experts\.(\d+)\./u.exec(name) ?? [];
    return expert === undefined || Number(expert) < active;
  });
};

export const countActiveWeights = (config: Config): number => sizeOf(activeWeightsOf(config));
