/** GPT-2: layer norms, learned positions, biases everywhere, a tied head. */
import type { Model } from '../../scenario/model.ts';
import { PLAIN } from '../../scenario/model.ts';
import type { Correspondence } from './correspondence.ts';
import { matrix, vector } from './correspondence.ts';
import type { Family } from './family.ts';

/** `modeling_gpt2.py` of huggingface/transformers; its `Conv1D` keeps weights [inputs, outputs] as we do. */
export const gpt2: Family = {
  name: 'gpt2',
  className: 'GPT2LMHeadModel',
  wants: (model) => ({
    ...PLAIN,
    norm: 'layernorm',
    position: 'learned',
    gated: false,
    activation: 'gelu',
    tied: true,
    kvHeads: model.heads,
    headDim: model.hidden / model.heads,
    bias: { qkv: true, attentionOut: true, mlp: true, head: false },
    parallelBlock: false,
    embeddingNorm: false,
  }),
  config: (model, { normEpsilon, first, last }) => ({
    vocab_size: model.vocabulary,
    n_positions: model.positions,
    n_embd: model.hidden,
    n_layer: model.layers,
    n_head: model.heads,
    n_inner: model.ffn,
    activation_function: 'gelu_new',
    layer_norm_epsilon: normEpsilon,
    resid_pdrop: model.dropout ? USUAL_DROPOUT : 0,
    embd_pdrop: model.dropout ? USUAL_DROPOUT : 0,
    attn_pdrop: model.dropout ? USUAL_DROPOUT : 0,
    tie_word_embeddings: true,
    bos_token_id: first,
    eos_token_id: last,
  }),
  weights: (model) => [
    matrix('transformer.wte.weight', 'token embedding', [model.vocabulary, model.hidden]),
    matrix('transformer.wpe.weight', 'position embedding', [model.positions, model.hidden]),
    ...Array.from({ length: model.layers }, (_, layer) => layerWeights(model, layer)).flat(),
    ...norm('transformer.ln_f', 'final norm', model),
  ],
  arithmetic: ({ normEpsilon }) => ({
    layer_norm_epsilon: { usual: 1e-5, known: [normEpsilon] },
    // GELU is computed in its tanh form.
    activation_function: { usual: 'gelu_new', known: ['gelu_new', 'gelu_pytorch_tanh'] },
    scale_attn_weights: { usual: true, known: [true] },
    scale_attn_by_inverse_layer_idx: { usual: false, known: [false] },
  }),
};

/** What the class takes where nothing else is said. */
const USUAL_DROPOUT = 0.1;

const norm = (published: string, own: string, { hidden }: Model): readonly Correspondence[] => [
  vector(`${published}.weight`, `${own} gain`, { width: hidden }),
  vector(`${published}.bias`, `${own} bias`, { width: hidden }),
];

const layerWeights = (model: Model, layer: number): readonly Correspondence[] => {
  const { hidden, ffn } = model;
  const [there, here] = [`transformer.h.${layer}`, `layers.${layer}`];
  const projection = (
    published: string,
    own: string,
    [inputs, outputs]: readonly [number, number],
  ): readonly Correspondence[] => [
    matrix(`${there}.${published}.weight`, `${here}.${own}`, [inputs, outputs]),
    vector(`${there}.${published}.bias`, `${here}.${own} bias`, { width: outputs }),
  ];
  return [
    ...norm(`${there}.ln_1`, `${here}.attention norm`, model),
    ...projection('attn.c_attn', 'qkv', [hidden, 3 * hidden]),
    ...projection('attn.c_proj', 'attention out', [hidden, hidden]),
    ...norm(`${there}.ln_2`, `${here}.mlp norm`, model),
    ...projection('mlp.c_fc', 'mlp up', [hidden, ffn]),
    ...projection('mlp.c_proj', 'mlp down', [ffn, hidden]),
  ];
};
