/** The weights of a layer: norms, attention plain or latent, and an MLP or a mixture of experts. */
import type { LayerKind } from '../scenario/layer-kind.ts';
import type { Experts, LatentAttention, Model } from '../scenario/model.ts';
import type { Parameter } from './parameter.ts';
import { columns, copiedBias, copiedGain, copiedMatrix, drawnForResidual, norm, perColumn, rows } from './parameter.ts';

export const layerParameters = (model: Model, kind: LayerKind, tp: number): readonly Parameter[] => [
  ...norm('attention norm', model),
  ...(model.latent === null ? plainProjections(model, kind, tp) : latentProjections(model, model.latent, tp)),
  ...(model.sinks ? [perColumn('sinks', { groups: [model.heads] }, tp)] : []),
  rows(
    'attention out',
    { inputs: model.heads * model.headDim, outputs: model.hidden, initial: drawnForResidual(model) },
    tp,
  ),
  ...(model.bias.attentionOut ? [copiedBias('attention out bias', model.hidden)] : []),
  ...(model.postNorms ? norm('attention post norm', model) : []),
  ...norm('mlp norm', model),
  ...(kind.hasExperts ? besideExperts(model, model.experts!, tp) : mlp(model, tp)),
  ...(model.postNorms ? norm('mlp post norm', model) : []),
];

/** `qkv` makes the queries, and the keys and values of a layer that has its own. */
const plainProjections = (model: Model, { ownsKeys }: LayerKind, tp: number): readonly Parameter[] => {
  const { hidden, heads, kvHeads, headDim, bias, qkNorm } = model;
  const widths = ownsKeys ? [heads, kvHeads, kvHeads] : [heads];
  const groups = widths.map((count) => count * headDim);
  /** One gain for every head, or one over all heads, of which a rank holds those of its own. */
  const gain = (name: string, count: number): Parameter =>
    qkNorm === 'head'
      ? copiedGain(name, headDim, 'always')
      : perColumn(name, { groups: [count * headDim], value: 1 }, tp);
  // Layers that share keys norm them with a gain of their own (Hunyuan-Large).
  const gains = [gain('query norm gain', heads), gain('key norm gain', kvHeads)];
  return [
    columns('qkv', { inputs: hidden, groups }, tp),
    ...(bias.qkv ? [perColumn('qkv bias', { groups }, tp)] : []),
    ...(qkNorm === 'none' ? [] : gains),
  ];
};

/** Every tensor rank makes the latents; the projections up from them are split by heads (as in Megatron-Core). */
const latentProjections = (model: Model, latent: LatentAttention, tp: number): readonly Parameter[] => {
  const { hidden, heads, headDim, bias } = model;
  const { queryRank, kvRank, plainDim, ropeDim } = latent;
  const down = (name: string, width: number): readonly Parameter[] => [
    copiedMatrix(`${name} down`, { inputs: hidden, outputs: width }),
    ...(bias.qkv ? [copiedBias(`${name} down bias`, width)] : []),
  ];
  const queries = heads * (plainDim + ropeDim);
  return [
    ...(queryRank === null
      ? [columns('query up', { inputs: hidden, groups: [queries] }, tp)]
      : [
          ...down('query', queryRank),
          copiedGain('query latent norm gain', queryRank),
          columns('query up', { inputs: queryRank, groups: [queries] }, tp),
        ]),
    ...down('key', kvRank + ropeDim),
    copiedGain('key latent norm gain', kvRank),
    columns('key up', { inputs: kvRank, groups: [heads * (plainDim + headDim)] }, tp),
  ];
};

/** Of a gated MLP the gate's columns stand in front of the others. */
const upGroups = ({ gated }: Model, width: number): readonly number[] => (gated ? [width, width] : [width]);

const mlp = (model: Model, tp: number): readonly Parameter[] => {
  const { hidden, ffn, bias } = model;
  const groups = upGroups(model, ffn);
  return [
    columns('mlp up', { inputs: hidden, groups }, tp),
    ...(bias.mlp ? [perColumn('mlp up bias', { groups }, tp)] : []),
    rows('mlp down', { inputs: ffn, outputs: hidden, initial: drawnForResidual(model) }, tp),
    ...(bias.mlp ? [copiedBias('mlp down bias', hidden)] : []),
  ];
};

/** What a mixture has beside its routed experts: the router and the shared experts. */
const besideExperts = (model: Model, experts: Experts, tp: number): readonly Parameter[] => {
  const { hidden } = model;
  const { count, sharedFfn, sharedGate, routerBias, bias } = experts;
  const groups = upGroups(model, sharedFfn);
  const initial = drawnForResidual(model);
  return [
    copiedMatrix('router', { inputs: hidden, outputs: count }),
    ...(routerBias ? [copiedBias('router bias', count)] : []),
    ...(sharedFfn > 0
      ? [
          columns('shared up', { inputs: hidden, groups }, tp),
          ...(bias ? [perColumn('shared up bias', { groups }, tp)] : []),
          rows('shared down', { inputs: sharedFfn, outputs: hidden, initial }, tp),
          ...(bias ? [copiedBias('shared down bias', hidden)] : []),
          ...(sharedGate ? [copiedMatrix('shared gate', { inputs: hidden, outputs: 1 })] : []),
        ]
      : []),
  ];
};

/** A rank's routed experts: `count` over `ep` of them, of each the part of one of `etp` tensor ranks. */
export const routedParameters = (
  model: Model,
  { hasExperts }: LayerKind,
  { ep, etp }: { ep: number; etp: number },
): readonly Parameter[] => {
  const { hidden, experts } = model;
  if (experts === null || !hasExperts) return [];
  const { ffn, bias } = experts;
  const count = experts.count / ep;
  const groups = upGroups(model, ffn);
  return [
    columns('experts up', { inputs: hidden, groups, count }, etp),
    ...(bias ? [perColumn('experts up bias', { groups, count }, etp)] : []),
    rows('experts down', { inputs: ffn, outputs: hidden, initial: drawnForResidual(model), count }, etp),
    ...(bias ? [copiedBias('experts down bias', hidden, count)] : []),
  ];
};
