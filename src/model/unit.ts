/** A unit is the smallest piece of a model that is gathered, reduced and saved as one: the embedding, a layer, the head. */
import type { Model } from '../scenario/model.ts';

/** A weight tensor of a unit as one tensor rank holds it. */
export interface Parameter {
  readonly name: string;
  /** Elements on one tensor rank, padding included. */
  readonly elements: number;
  /** Elements of padding on one rank, averaged over the ranks when only the last one has any. */
  readonly padding: number;
  /** False when every tensor rank holds the same copy. */
  readonly isSharded: boolean;
  /** True for the head's copy of a tied embedding: it is no parameter of its own. */
  readonly isCopy: boolean;
}

export type UnitKind = 'embedding' | 'layer' | 'head';

/** Rows that the vocabulary is padded to, so that it divides over the tensor ranks: a multiple of 128 tp (Megatron-LM). */
export const paddedVocabulary = (vocabulary: number, tp: number): number => {
  if (tp === 1 && vocabulary % 8 === 0) return vocabulary;
  const multiple = vocabulary % (8 * tp) === 0 ? 8 * tp : 128 * tp;
  return Math.ceil(vocabulary / multiple) * multiple;
};

const sharded = (name: string, elements: number, tp: number): Parameter => ({
  name,
  elements: elements / tp,
  padding: 0,
  isSharded: true,
  isCopy: false,
});
const replicated = (name: string, elements: number): Parameter => ({
  name,
  elements,
  padding: 0,
  isSharded: false,
  isCopy: false,
});
/** One a word of the vocabulary. */
const words = (name: string, { vocabulary }: Model, tp: number): Parameter => {
  const rows = paddedVocabulary(vocabulary, tp);
  return { ...sharded(name, rows, tp), padding: (rows - vocabulary) / tp };
};
const norm = (name: string, model: Model): Parameter[] =>
  model.norm === 'layernorm'
    ? [replicated(`${name} gain`, model.hidden), replicated(`${name} bias`, model.hidden)]
    : [replicated(`${name} gain`, model.hidden)];
const table = (name: string, { model, tp, isCopy }: { model: Model; tp: number; isCopy: boolean }): Parameter => {
  const rows = paddedVocabulary(model.vocabulary, tp);
  return {
    name,
    elements: (rows * model.hidden) / tp,
    padding: ((rows - model.vocabulary) * model.hidden) / tp,
    isSharded: true,
    isCopy,
  };
};

const layerParameters = (model: Model, tp: number): Parameter[] => {
  const { hidden, heads, kvHeads, headDim, ffn, gated, bias } = model;
  const qkv = (heads + 2 * kvHeads) * headDim;
  const up = (gated ? 2 : 1) * ffn;
  return [
    ...norm('attention norm', model),
    sharded('qkv', hidden * qkv, tp),
    ...(bias.qkv ? [sharded('qkv bias', qkv, tp)] : []),
    sharded('attention out', heads * headDim * hidden, tp),
    ...(bias.attentionOut ? [replicated('attention out bias', hidden)] : []),
    ...norm('mlp norm', model),
    sharded('mlp up', hidden * up, tp),
    ...(bias.mlp ? [sharded('mlp up bias', up, tp)] : []),
    sharded('mlp down', ffn * hidden, tp),
    ...(bias.mlp ? [replicated('mlp down bias', hidden)] : []),
  ];
};

/** `isSplit`: the pipeline has more than one stage, so that a tied head needs a copy of the table. */
export const parametersOf = (
  kind: UnitKind,
  model: Model,
  { tp, isSplit }: { tp: number; isSplit: boolean },
): Parameter[] => {
  switch (kind) {
    case 'embedding':
      return [
        table('token embedding', { model, tp, isCopy: false }),
        ...(model.position === 'learned' ? [replicated('position embedding', model.positions * model.hidden)] : []),
        ...(model.embeddingNorm ? norm('embedding norm', model) : []),
      ];
    case 'layer':
      return layerParameters(model, tp);
    case 'head':
      return [
        ...norm('final norm', model),
        ...(model.tied && !isSplit ? [] : [table('head', { model, tp, isCopy: model.tied })]),
        ...(model.bias.head ? [words('head bias', model, tp)] : []),
      ];
  }
};

export const elementsOfAll = (parameters: readonly Parameter[]): number =>
  parameters.reduce((total, { elements }) => total + elements, 0);
