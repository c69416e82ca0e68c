/** What a layer's weights amount to, part by part, before they are sharded. */
import type { LayerKind } from './layer-kind.ts';
import type { Experts, LatentAttention, Model } from './model.ts';

export interface Elements {
  /** In matrices, each of which multiplies every token once. */
  readonly matrices: number;
  /** In gains, biases and other vectors. */
  readonly vectors: number;
}

export const totalOf = ({ matrices, vectors }: Elements): number => matrices + vectors;

const sum = (parts: readonly Elements[]): Elements => ({
  matrices: parts.reduce((total, { matrices }) => total + matrices, 0),
  vectors: parts.reduce((total, { vectors }) => total + vectors, 0),
});
const times = ({ matrices, vectors }: Elements, count: number): Elements => ({
  matrices: matrices * count,
  vectors: vectors * count,
});
const NOTHING: Elements = { matrices: 0, vectors: 0 };

/** A layer with `routed` of its experts: all of them, or those that one token goes to. */
export const layerElements = (model: Model, kind: LayerKind, routed: number): Elements =>
  sum([normElements(model), attentionElements(model, kind), mlpElements(model, kind, routed)]);

/** A norm before attention and one before the MLP, in parallel blocks too (GPT-NeoX), and behind both where the model has it. */
const normElements = (model: Model): Elements => ({
  matrices: 0,
  vectors: (model.postNorms ? 4 : 2) * normParameters(model),
});

export const normParameters = ({ norm, hidden }: Pick<Model, 'norm' | 'hidden'>): number =>
  norm === 'layernorm' ? 2 * hidden : hidden;

const attentionElements = (model: Model, kind: LayerKind): Elements => {
  const { hidden, heads, headDim, bias } = model;
  const out = { matrices: heads * headDim * hidden, vectors: bias.attentionOut ? hidden : 0 };
  const sinks = { matrices: 0, vectors: model.sinks ? heads : 0 };
  const into = model.latent === null ? headElements(model, kind) : latentElements(model, model.latent);
  return sum([into, qkNormElements(model), out, sinks]);
};

/** Queries, and keys and values where the layer has its own: h (a + 2 k) d. */
const headElements = ({ hidden, heads, kvHeads, headDim, bias }: Model, { ownsKeys }: LayerKind): Elements => {
  const width = (heads + (ownsKeys ? 2 * kvHeads : 0)) * headDim;
  return { matrices: hidden * width, vectors: bias.qkv ? width : 0 };
};

/**
 * Down to a latent, a norm, and up to the heads, once for the queries and once for keys and values: with ranks q and c,
 * widths p without positions, r with them and d of values,
 * h q + q + q a (p + r)  and  h (c + r) + c + c a (p + d)  (DeepSeek-V2, arXiv 2405.04434). Only what goes down has biases.
 */
const latentElements = (
  { hidden, heads, headDim, bias }: Model,
  { queryRank, kvRank, plainDim, ropeDim }: LatentAttention,
): Elements => {
  const queryWidth = heads * (plainDim + ropeDim);
  const down = (queryRank ?? 0) + kvRank + ropeDim;
  const up = (queryRank ?? hidden) * queryWidth + kvRank * heads * (plainDim + headDim);
  return { matrices: hidden * down + up, vectors: (queryRank ?? 0) + kvRank + (bias.qkv ? down : 0) };
};

/** Layers that share keys norm them with a gain of their own (Hunyuan-Large). */
const qkNormElements = ({ qkNorm, heads, kvHeads, headDim }: Model): Elements => {
  const gains = { none: 0, head: 2, all: heads + kvHeads }[qkNorm];
  return { matrices: 0, vectors: gains * headDim };
};

const mlpElements = (model: Model, { hasExperts }: LayerKind, routed: number): Elements => {
  const { experts, ffn, bias } = model;
  if (!hasExperts || experts === null) return oneMlp(model, ffn, bias.mlp);
  return sum([
    times(expertElements(model, experts), routed),
    experts.sharedFfn > 0 ? oneMlp(model, experts.sharedFfn, experts.bias) : NOTHING,
    routerElements(model, experts),
  ]);
};

const oneMlp = ({ hidden, gated }: Model, width: number, hasBias: boolean): Elements => {
  const inputs = (gated ? 2 : 1) * width;
  return { matrices: hidden * inputs + width * hidden, vectors: hasBias ? inputs + hidden : 0 };
};

/** One routed expert. */
export const expertElements = (model: Model, { ffn, bias }: Experts): Elements => oneMlp(model, ffn, bias);

/** A logit an expert, its bias, and the gate of the shared expert. */
const routerElements = ({ hidden }: Model, { count, routerBias, sharedGate }: Experts): Elements => ({
  matrices: hidden * (count + (sharedGate ? 1 : 0)),
  vectors: routerBias ? count : 0,
});
