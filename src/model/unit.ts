/** A unit is the smallest piece of a model that is gathered, reduced and saved as one: the embedding, a layer, the head. */
import type { LayerKind } from '../scenario/layer-kind.ts';
import type { Model } from '../scenario/model.ts';
import { layerParameters, routedParameters } from './layer-parameters.ts';
import type { Parameter } from './parameter.ts';
import { norm, replicated, sharded, table, words } from './parameter.ts';

/** Units of one name have the same weights and do the same work. A predictor predicts one token further than what is before it. */
export type Unit =
  | { readonly kind: 'embedding' | 'head'; readonly name: string }
  | { readonly kind: 'layer' | 'predictor'; readonly name: string; readonly layer: LayerKind };

export const EMBEDDING: Unit = { kind: 'embedding', name: 'embedding' };
export const HEAD: Unit = { kind: 'head', name: 'head' };
export const layerUnit = (layer: LayerKind): Unit => ({ kind: 'layer', name: layer.name, layer });

/** What a unit holds on one rank. The routed experts travel among other ranks than the rest, and so stand apart. */
export type UnitParameters = Readonly<Record<Part, readonly Parameter[]>>;
export const PARTS = ['shared', 'experts'] as const;
export type Part = (typeof PARTS)[number];

/** What the sizes of a rank's parameters depend on, beside the model. */
export interface Split {
  readonly tp: number;
  /** Expert ranks, and the tensor ranks of an expert. */
  readonly ep: number;
  readonly etp: number;
  /** The pipeline has more than one stage, so that a tied head, or a predictor, needs a copy of the table. */
  readonly isSplit: boolean;
}

export const parametersOf = (unit: Unit, model: Model, split: Split): UnitParameters => {
  const { tp, isSplit } = split;
  switch (unit.kind) {
    case 'embedding':
      return alone([
        table('token embedding', { model, tp, isCopy: false }),
        ...(model.position === 'learned' ? [replicated('position embedding', model.positions * model.hidden)] : []),
        ...(model.embeddingNorm ? norm('embedding norm', model) : []),
      ]);
    case 'layer':
      return {
        shared: layerParameters(model, unit.layer, tp),
        experts: routedParameters(model, unit.layer, split),
      };
    case 'predictor':
      return {
        shared: predictorParameters(model, unit.layer, split),
        experts: routedParameters(model, unit.layer, split),
      };
    case 'head':
      return alone([
        ...norm('final norm', model),
        ...(model.tied && !isSplit ? [] : [table('head', { model, tp, isCopy: model.tied })]),
        ...(model.bias.head ? [words('head bias', model, tp)] : []),
      ]);
    default:
      return unit satisfies never;
  }
};
const alone = (shared: readonly Parameter[]): UnitParameters => ({ shared, experts: [] });

/**
 * Norms of what comes before and of the next token's embedding, their projection to one, a layer, and a norm
 * (DeepSeek-V3, arXiv 2412.19437, section 2.2). Predictors stand on the last stage, as in Megatron-Core; where the
 * embedding is on another, they look tokens up in a copy of its table. The head is the model's.
 */
const predictorParameters = (model: Model, kind: LayerKind, { tp, isSplit }: Split): readonly Parameter[] => [
  ...(isSplit ? [table('token embedding', { model, tp, isCopy: true })] : []),
  ...norm('hidden norm', model),
  ...norm('token norm', model),
  sharded('merge', 2 * model.hidden * model.hidden, tp),
  ...layerParameters(model, kind, tp),
  ...norm('predictor norm', model),
];

export const elementsOfAll = (parameters: readonly Parameter[]): number =>
  parameters.reduce((total, { elements }) => total + elements, 0);
