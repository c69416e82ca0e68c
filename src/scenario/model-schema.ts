/** A model as it is written in YAML: what may be left out is a GPT's, a bias is given once or by place. */
import { z } from 'zod';
import type { Experts, LatentAttention, Model, SlidingWindow } from './model.ts';
import { PLAIN } from './model.ts';
import { closed, flag, oneOf, whole, words } from './shape.ts';

const biases = z.union(
  [
    flag,
    closed(
      { qkv: flag, attentionOut: flag, mlp: flag, head: flag.optional() },
      'a mapping of qkv, attentionOut and mlp',
    ),
  ],
  { error: 'true, false, or a mapping of qkv, attentionOut and mlp' },
);

/** Far beyond every model that has been trained; the time to plan one grows with its layers. */
export const LAYERS_MAX = 1_000;
export const WIDTH_MAX = 2 ** 24;
const EXPERTS_MAX = 2 ** 16;
const PREDICTORS_MAX = 16;
const width = whole(1, WIDTH_MAX);

const layerCount = whole(1, LAYERS_MAX);

const latent = closed(
  {
    queryRank: width.optional().describe("Width of the queries' latent. Absent: queries are projected straight."),
    kvRank: width.describe('Width of the latent of keys and values.'),
    plainDim: width.describe("Width of a head's query without positions."),
    ropeDim: width.describe("Width of a head's query with rotary positions."),
  },
  'a mapping of queryRank, kvRank, plainDim and ropeDim',
);

const window = closed(
  {
    size: whole(1).describe('Tokens that a query sees, itself among them.'),
    fullEvery: layerCount.optional().describe('Every so many layers one sees everything. Absent: none.'),
    fullFirst: whole(0, LAYERS_MAX).default(0).describe('The first layers that see everything.'),
  },
  'a mapping of size, fullEvery and fullFirst',
);

const experts = closed(
  {
    count: whole(1, EXPERTS_MAX).describe('Routed experts of a layer.'),
    active: whole(1, EXPERTS_MAX).describe('Routed experts that a token goes to.'),
    ffn: width.optional().describe("Width of a routed expert. Absent: the model's ffn."),
    shared: whole(0, EXPERTS_MAX)
      .default(0)
      .describe('Experts that every token goes to, each as wide as a routed one.'),
    sharedFfn: width.optional().describe('Width of the shared experts together, where it is not shared x ffn.'),
    sharedGate: flag.default(false).describe('A learned gate weighs the shared experts (Qwen2-MoE).'),
    routerBias: flag.default(false).describe('The router has a bias an expert (DeepSeek-V3, gpt-oss).'),
    bias: flag.default(false).describe("The experts' projections have biases (gpt-oss)."),
    denseFirst: whole(0, LAYERS_MAX).default(0).describe('The first layers that have a dense MLP instead.'),
    every: layerCount.default(1).describe('Of so many layers the last has experts, the others a dense MLP.'),
  },
  'a mapping of count, active, ffn and so on',
);

export const modelSchema = closed(
  {
    name: words.describe('How reports call it.'),
    layers: whole(1, LAYERS_MAX),
    hidden: width.describe('Width of the residual stream.'),
    heads: width.describe('Query heads.'),
    kvHeads: width.optional().describe('Key and value heads. Absent: as many as heads.'),
    headDim: width.optional().describe('Absent: hidden / heads. With latent attention the width of the values.'),
    latent: latent.optional().describe('Multi-head latent attention (DeepSeek-V2).'),
    qkNorm: oneOf(['none', 'head', 'all']).default('none').describe('RMS norms of queries and keys.'),
    window: window.optional().describe('Sliding-window attention. Absent: all layers see everything.'),
    sinks: flag.default(false).describe('A learned logit a head joins each softmax (gpt-oss).'),
    kvShare: layerCount.default(1).describe('Layers in a row that share the keys and values of the first.'),
    ffn: width.optional().describe('Width of the MLP. Absent: 4 hidden, for a gated MLP it must be given.'),
    gated: flag.default(false).describe('True for SwiGLU and its kin.'),
    experts: experts.optional().describe('Mixture of experts in place of the MLP. Absent: a dense model.'),
    predictors: whole(0, PREDICTORS_MAX).default(0).describe('Modules that each predict one token further.'),
    activation: oneOf(['gelu', 'silu', 'relu', 'squared-relu'])
      .optional()
      .describe('Absent: silu if gated, gelu otherwise.'),
    norm: oneOf(['layernorm', 'rmsnorm']).default('layernorm'),
    postNorms: flag.default(false).describe('Attention and MLP each end in a norm of their own (Gemma 2).'),
    parallelBlock: flag.default(false).describe('Attention and MLP side by side, as in GPT-NeoX.'),
    position: oneOf(['learned', 'rope', 'alibi', 'none']).default('learned'),
    positions: whole(0, 100_000_000).default(0).describe('Rows of the learned position table.'),
    vocabulary: width,
    tied: flag.default(true).describe('The head reuses the embedding.'),
    bias: biases.default(true).describe('true: everywhere but in the head.'),
    embeddingNorm: flag.default(false).describe('A norm after the embedding, as in BLOOM.'),
    dropout: flag.default(true).describe('Training drops activations and keeps the masks, as GPT-3 does.'),
    source: words.default('given in the scenario').describe('Where the shape was published.'),
  },
  'a model',
);
type Written = z.output<typeof modelSchema>;

/** The rest of what was left out follows from what was given. */
export const modelFrom = ({ bias, latent, window, experts, ...written }: Written): Model => {
  const ffn = written.ffn ?? experts?.ffn ?? 4 * written.hidden;
  return {
    ...PLAIN,
    ...written,
    kvHeads: written.kvHeads ?? written.heads,
    headDim: written.headDim ?? written.hidden / written.heads,
    latent: latent === undefined ? null : latentFrom(latent),
    window: window === undefined ? null : windowFrom(window, written.layers),
    ffn,
    experts: experts === undefined ? null : expertsFrom(experts, { layers: written.layers, ffn }),
    activation: written.activation ?? (written.gated ? 'silu' : 'gelu'),
    bias: biasFrom(bias),
  };
};

const latentFrom = ({ queryRank, ...ranks }: z.output<typeof latent>): LatentAttention => ({
  queryRank: queryRank ?? null,
  ...ranks,
});

const windowFrom = ({ size, fullEvery, fullFirst }: z.output<typeof window>, layers: number): SlidingWindow => ({
  size,
  layers: byLayer(layers, (layer) => layer >= fullFirst && (fullEvery === undefined || (layer + 1) % fullEvery !== 0)),
});

const expertsFrom = (
  { shared, sharedFfn, denseFirst, every, ...written }: z.output<typeof experts>,
  { layers, ffn }: { readonly layers: number; readonly ffn: number },
): Experts => ({
  ...written,
  ffn: written.ffn ?? ffn,
  sharedFfn: sharedFfn ?? shared * (written.ffn ?? ffn),
  layers: byLayer(layers, (layer) => layer >= denseFirst && (layer + 1) % every === 0),
});

export const byLayer = (layers: number, holds: (layer: number) => boolean): readonly boolean[] =>
  Array.from({ length: layers }, (_, layer) => holds(layer));

const biasFrom = (bias: Written['bias']): Model['bias'] =>
  typeof bias === 'boolean'
    ? { qkv: bias, attentionOut: bias, mlp: bias, head: false }
    : { ...bias, head: bias.head ?? false };
