/** A unit is the smallest piece of a model that is gathered, reduced and saved as one: the embedding, a layer, the head. */
import type { LayerKind } from '../scenario/layer-kind.ts';
import type { Model } from '../scenario/model.ts';
import { layerParameters, routedParameters } from './layer-parameters.ts';
import type { Parameter } from './parameter.ts';
import { columns, copiedMatrix, drawnFor, norm, table, words } from './parameter.ts';

/** Units of one name have the same weights and do the same work. A predictor predicts one token further than what is before it. */
export type Unit =
  | { readonly kind: 'embedding' | 'head'; readonly name: string }
  | { readonly kind: 'layer' | 'predictor'; readonly name: string; readonly layer: LayerKind };

export const EMBEDDING: Unit = { kind: 'embedding', name: 'embedding' };
export const HEAD: Unit = { kind: 'head', name: 'head' };
export const layerUnit = (layer: LayerKind): Unit => ({ kind: 'layer', name: layer.name, layer });

/**
 * What a unit holds on one rank. The routed experts travel among other ranks than the rest, and the embedding's table may
 * have copies elsewhere that are shared out alike, and so both stand apart.
 */
export type UnitParameters = Readonly<Record<Part, readonly Parameter[]>>;
export const PARTS = ['shared', 'table', 'experts'] as const;
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
      return {
        shared: [
          // Every tensor rank has the gradient of all rows.
          ...(model.position === 'learned'
            ? [
                copiedMatrix(
                  'position embedding',
                  { inputs: model.positions, outputs: model.hidden, initial: drawnFor(model.hidden) },
                  'never',
                ),
              ]
            : []),
          ...(model.embeddingNorm ? norm('embedding norm', model) : []),
        ],
        table: [table('token embedding', { model, tp, isCopy: false })],
        experts: [],
      };
    case 'layer':
      return {
        shared: layerParameters(model, unit.layer, tp),
        table: [],
        experts: routedParameters(model, unit.layer, split),
      };
    case 'predictor':
      return {
        shared: predictorParameters(model, unit.layer, tp),
        table: isSplit ? [table('token embedding', { model, tp, isCopy: true })] : [],
        experts: routedParameters(model, unit.layer, split),
      };
    case 'head':
      return {
        shared: [
          ...norm('final norm', model),
          ...(model.tied ? [] : [table('head', { model, tp, isCopy: false })]),
          ...(model.bias.head ? [words('head bias', model, tp)] : []),
        ],
        table: model.tied && isSplit ? [table('head', { model, tp, isCopy: true })] : [],
        experts: [],
      };
    default:
      return unit satisfies never;
  }
};

/**
 * Norms of what comes before and of the next token's embedding, their projection to one, a layer, and a norm
 * (DeepSeek-V3, arXiv 2412.19437, section 2.2). Predictors stand on the last stage, as in Megatron-Core; where the
 * embedding is on another, they look tokens up in a copy of its table. The head is the model's.
 */
const predictorParameters = (model: Model, kind: LayerKind, tp: number): readonly Parameter[] => [
  ...norm('hidden norm', model),
  ...norm('token norm', model),
  columns('merge', { inputs: 2 * model.hidden, groups: [model.hidden] }, tp),
  ...layerParameters(model, kind, tp),
  ...norm('predictor norm', model),
];

export const elementsOfAll = (parameters: readonly Parameter[]): number =>
  parameters.reduce((total, { elements }) => total + elements, 0);
