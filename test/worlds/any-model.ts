/** Random small models of every family: dense, of experts, with latent attention, windows, shared keys and predictors. */
import fc from 'fast-check';
import type { Experts, Model } from '../../src/scenario/model.ts';
import { latentModel } from './families.ts';
import { tinyModel } from './jobs.ts';

/** By layer, over and over: at least one of the first two is true. */
const somewhere = fc.constantFrom([true], [true, false], [false, true], [true, true, true, false]);
const over = (layers: number, pattern: readonly boolean[]): readonly boolean[] => {
  const all = Array.from({ length: layers }, (_, layer) => pattern[layer % pattern.length]!);
  return all.includes(true) ? all : all.map(() => true);
};

const anyWindow = fc.record({ size: fc.constantFrom(20, 64, 200), pattern: somewhere });

const anyExperts: fc.Arbitrary<Omit<Experts, 'layers'> & { pattern: readonly boolean[] }> = fc
  .record({
    count: fc.constantFrom(4, 8),
    active: fc.constantFrom(1, 2),
    ffn: fc.constantFrom(64, 96),
    sharedFfn: fc.constantFrom(0, 0, 128),
    sharedGate: fc.boolean(),
    routerBias: fc.boolean(),
    bias: fc.boolean(),
    pattern: somewhere,
  })
  .map((experts) => ({ ...experts, sharedGate: experts.sharedGate && experts.sharedFfn > 0 }));

/** What attention is made of. */
const anyAttention: fc.Arbitrary<Partial<Model>> = fc.oneof(
  { weight: 3, arbitrary: fc.constant({}) },
  {
    weight: 2,
    arbitrary: fc.record({
      qkNorm: fc.constantFrom('none' as const, 'head' as const, 'all' as const),
      sinks: fc.boolean(),
      kvShare: fc.constantFrom(1, 2),
    }),
  },
  { weight: 1, arbitrary: fc.constantFrom(latentModel(96), latentModel(null)) },
);

const anyShape = fc.record({
  kvHeads: fc.constantFrom(8, 4, 2, 1),
  headDim: fc.constantFrom(32, 48),
  ffn: fc.constantFrom(512, 1024, 688),
  gated: fc.boolean(),
  activation: fc.constantFrom('gelu' as const, 'silu' as const, 'relu' as const, 'squared-relu' as const),
  norm: fc.constantFrom('layernorm' as const, 'rmsnorm' as const),
  branches: fc.constantFrom({}, { parallelBlock: true }, { postNorms: true }),
  position: fc.constantFrom('learned' as const, 'rope' as const, 'alibi' as const, 'none' as const),
  vocabulary: fc.constantFrom(1024, 1000, 997),
  tied: fc.boolean(),
  bias: fc.record({ qkv: fc.boolean(), attentionOut: fc.boolean(), mlp: fc.boolean(), head: fc.boolean() }),
  embeddingNorm: fc.boolean(),
  dropout: fc.boolean(),
  predictors: fc.constantFrom(0, 0, 1),
  window: fc.oneof({ weight: 3, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: anyWindow }),
  experts: fc.oneof({ weight: 1, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: anyExperts }),
  attention: anyAttention,
});

/** A model but for the number of its layers. */
export interface Family {
  /** Layers in a row that share keys. */
  readonly kvShare: number;
  readonly ofLayers: (layers: number) => Partial<Model>;
}

export const anyFamily: fc.Arbitrary<Family> = anyShape.map(({ branches, window, experts, attention, ...shape }) => {
  const kvHeads = attention.latent === undefined ? shape.kvHeads : tinyModel.heads;
  const positions = shape.position === 'learned' ? 512 : 0;
  const model = { kvShare: 1, ...shape, kvHeads, positions, ...branches, ...attention };
  return {
    kvShare: model.kvShare,
    ofLayers: (layers) => ({
      ...model,
      layers,
      window: window === null ? null : { size: window.size, layers: over(layers, window.pattern) },
      experts: experts === null ? null : expertsOf(layers, experts),
    }),
  };
});

const expertsOf = (
  layers: number,
  { pattern, ...experts }: Omit<Experts, 'layers'> & { pattern: readonly boolean[] },
): Experts => ({ ...experts, layers: over(layers, pattern) });
