/** Model families beyond the plain one, small: what each changes of the tiny model. */
import type { Model } from '../../src/scenario/model.ts';

const NO_BIAS = { qkv: false, attentionOut: false, mlp: false, head: false } as const;

/** Latents of width 96 or none for queries and 64 for keys, heads of 32 and 16 positioned, values of 24. */
export const latentModel = (queryRank: number | null): Partial<Model> => ({
  latent: { queryRank, kvRank: 64, plainDim: 32, ropeDim: 16 },
  headDim: 24,
  position: 'rope',
  positions: 0,
  norm: 'rmsnorm',
  bias: NO_BIAS,
});

/** Eight gated experts of width 64 in every layer, two a token. */
export const mixtureModel = (experts: Partial<NonNullable<Model['experts']>> = {}): Partial<Model> => ({
  gated: true,
  activation: 'silu',
  bias: NO_BIAS,
  experts: {
    count: 8,
    active: 2,
    ffn: 64,
    sharedFfn: 0,
    sharedGate: false,
    routerBias: false,
    bias: false,
    layers: Array.from({ length: 8 }, () => true),
    ...experts,
  },
});

export const FAMILIES: Readonly<Record<string, Partial<Model>>> = {
  plain: {},
  latent: latentModel(96),
  'latent without a query latent': latentModel(null),
  'latent with biases': { ...latentModel(96), bias: { qkv: true, attentionOut: true, mlp: true, head: false } },
  'qk-norm by head': { qkNorm: 'head', position: 'rope', positions: 0, headDim: 48, kvHeads: 4 },
  'qk-norm over all': { qkNorm: 'all', position: 'rope', positions: 0 },
  windowed: { window: { size: 20, layers: Array.from({ length: 8 }, (_, i) => i % 2 === 0) }, sinks: true },
  'shared keys': { kvShare: 2, kvHeads: 4, position: 'rope', positions: 0 },
  'shared keys of three, normed': { kvShare: 3, kvHeads: 4, position: 'rope', positions: 0, qkNorm: 'head' },
  'norms behind': { postNorms: true, dropout: true },
  parallel: { parallelBlock: true },
  mixture: mixtureModel(),
  'mixture with all': mixtureModel({ sharedFfn: 128, sharedGate: true, routerBias: true, bias: true }),
  'mixture with norms behind': { ...mixtureModel({ sharedFfn: 128 }), postNorms: true },
  'dense layers first': mixtureModel({ layers: Array.from({ length: 8 }, (_, i) => i > 0) }),
  'latent mixture': { ...latentModel(96), ...mixtureModel({ sharedFfn: 64 }) },
};
