/** A weight tensor of a unit as one rank holds it, and the ways in which ranks share one. */
import type { Model } from '../scenario/model.ts';

export interface Parameter {
  readonly name: string;
  /** Elements on one tensor rank, padding included; of routed experts those on one expert rank's tensor rank. */
  readonly elements: number;
  /** Elements of padding on one rank, averaged over the ranks when only the last one has any. */
  readonly padding: number;
  /** False when every tensor rank holds the same copy. */
  readonly isSharded: boolean;
  /** True for a second copy of a table, of a tied head or a predictor: it is no parameter of its own. */
  readonly isCopy: boolean;
}

export const sharded = (name: string, elements: number, tp: number): Parameter => ({
  name,
  elements: elements / tp,
  padding: 0,
  isSharded: true,
  isCopy: false,
});
export const replicated = (name: string, elements: number): Parameter => ({
  name,
  elements,
  padding: 0,
  isSharded: false,
  isCopy: false,
});
/** A norm of the residual stream, in the model's kind. */
export const norm = (name: string, model: Model): readonly Parameter[] =>
  model.norm === 'layernorm'
    ? [replicated(`${name} gain`, model.hidden), replicated(`${name} bias`, model.hidden)]
    : [replicated(`${name} gain`, model.hidden)];

/** Rows that the vocabulary is padded to, so that it divides over the tensor ranks: a multiple of 128 tp (Megatron-LM). */
export const paddedVocabulary = (vocabulary: number, tp: number): number => {
  if (tp === 1 && vocabulary % 8 === 0) return vocabulary;
  const multiple = vocabulary % (8 * tp) === 0 ? 8 * tp : 128 * tp;
  return Math.ceil(vocabulary / multiple) * multiple;
};
/** One a word of the vocabulary. */
export const words = (name: string, { vocabulary }: Model, tp: number): Parameter => {
  const rows = paddedVocabulary(vocabulary, tp);
  return { ...sharded(name, rows, tp), padding: (rows - vocabulary) / tp };
};
/** A row of `hidden` a word. */
export const table = (
  name: string,
  { model, tp, isCopy }: { model: Model; tp: number; isCopy: boolean },
): Parameter => {
  const { elements, padding } = words(name, model, tp);
  return { name, elements: elements * model.hidden, padding: padding * model.hidden, isSharded: true, isCopy };
};
