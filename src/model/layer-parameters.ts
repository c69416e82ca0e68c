/** The weights of a layer: norms, attention plain or latent, and an MLP or a mixture of experts. */
import type { LayerKind } from '../scenario/layer-kind.ts';
import type { Experts, LatentAttention, Model } from '../scenario/model.ts';
import type { Parameter } from './parameter.ts';
import { norm, replicated, sharded } from './parameter.ts';

export const layerParameters = (model: Model, kind: LayerKind, tp: number): readonly Parameter[] => [
  ...norm('attention norm', model),
  ...(model.latent === null ? plainProjections(model, kind, tp) : latentProjections(model, model.latent, tp)),
  ...(model.sinks ? [sharded('sinks', model.heads, tp)] : []),
  sharded('attention out', model.heads * model.headDim * model.hidden, tp),
  ...(model.bias.attentionOut ? [replicated('attention out bias', model.hidden)] : []),
  ...(model.postNorms ? norm('attention post norm', model) : []),
  ...norm('mlp norm', model),
  ...(kind.hasExperts ? besideExperts(model, model.experts!, tp) : mlp(model, tp)),
  ...(model.postNorms ? norm('mlp post norm', model) : []),
];

/** `qkv` makes the queries, and the keys and values of a layer that has its own. */
const plainProjections = (model: Model, { ownsKeys }: LayerKind, tp: number): readonly Parameter[] => {
  const { hidden, heads, kvHeads, headDim, bias, qkNorm } = model;
  const qkv = (heads + (ownsKeys ? 2 * kvHeads : 0)) * headDim;
  /** One gain for every head, or one over all heads, of which a rank holds those of its own. */
  const gain = (name: string, count: number): Parameter =>
    qkNorm === 'head' ? replicated(name, headDim) : sharded(name, count * headDim, tp);
  // Layers that share keys norm them with a gain of their own (Hunyuan-Large).
  const gains = [gain('query norm gain', heads), gain('key norm gain', kvHeads)];
  return [
    sharded('qkv', hidden * qkv, tp),
    ...(bias.qkv ? [sharded('qkv bias', qkv, tp)] : []),
    ...(qkNorm === 'none' ? [] : gains),
  ];
};

/** Every tensor rank makes the latents; the projections up from them are split by heads (as in Megatron-Core). */
const latentProjections = (model: Model, latent: LatentAttention, tp: number): readonly Parameter[] => {
  const { hidden, heads, headDim, bias } = model;
  const { queryRank, kvRank, plainDim, ropeDim } = latent;
  const down = (name: string, width: number): readonly Parameter[] => [
    replicated(`${name} down`, hidden * width),
    ...(bias.qkv ? [replicated(`${name} down bias`, width)] : []),
  ];
  const queries = heads * (plainDim + ropeDim);
  return [
    ...(queryRank === null
      ? [sharded('query up', hidden * queries, tp)]
      : [
          ...down('query', queryRank),
          replicated('query latent norm gain', queryRank),
          sharded('query up', queryRank * queries, tp),
        ]),
    ...down('key', kvRank + ropeDim),
    replicated('key latent norm gain', kvRank),
    sharded('key up', kvRank * heads * (plainDim + headDim), tp),
  ];
};

const mlp = ({ hidden, ffn, gated, bias }: Model, tp: number): readonly Parameter[] => {
  const up = (gated ? 2 : 1) * ffn;
  return [
    sharded('mlp up', hidden * up, tp),
    ...(bias.mlp ? [sharded('mlp up bias', up, tp)] : []),
    sharded('mlp down', ffn * hidden, tp),
    ...(bias.mlp ? [replicated('mlp down bias', hidden)] : []),
  ];
};

/** What a mixture has beside its routed experts: the router and the shared experts. */
const besideExperts = ({ hidden, gated }: Model, experts: Experts, tp: number): readonly Parameter[] => {
  const { count, sharedFfn, sharedGate, routerBias, bias } = experts;
  const up = (gated ? 2 : 1) * sharedFfn;
  return [
    replicated('router', hidden * count),
    ...(routerBias ? [replicated('router bias', count)] : []),
    ...(sharedFfn > 0
      ? [
          sharded('shared up', hidden * up, tp),
          ...(bias ? [sharded('shared up bias', up, tp)] : []),
          sharded('shared down', sharedFfn * hidden, tp),
          ...(bias ? [replicated('shared down bias', hidden)] : []),
          ...(sharedGate ? [replicated('shared gate', hidden)] : []),
        ]
      : []),
  ];
};

/** A rank's routed experts: `count` over `ep` of them, of each the part of one of `etp` tensor ranks. */
export const routedParameters = (
  { hidden, gated, experts }: Model,
  { hasExperts }: LayerKind,
  { ep, etp }: { ep: number; etp: number },
): readonly Parameter[] => {
  if (experts === null || !hasExperts) return [];
  const own = experts.count / ep;
  const up = (gated ? 2 : 1) * experts.ffn;
  return [
    sharded('experts up', own * hidden * up, etp),
    ...(experts.bias ? [sharded('experts up bias', own * up, etp)] : []),
    sharded('experts down', own * experts.ffn * hidden, etp),
    ...(experts.bias ? [replicated('experts down bias', own * hidden)] : []),
  ];
};
