/** A weight tensor of a unit as one rank holds it, and the ways in which ranks share one. */
import type { Initial } from '../effects/share.ts';
import type { Model } from '../scenario/model.ts';

/**
 * How tensor ranks share a tensor [outer, middle, inner], `count` of them one behind another: each of the `groups` that
 * make up the middle is cut evenly among them, or every rank has all of it.
 */
export interface Cut {
  readonly count: number;
  readonly outer: number;
  readonly groups: readonly number[];
  readonly inner: number;
  /** Rows of the middle that the model has; those behind them are padding. */
  readonly present: number;
  readonly initial: Initial;
}

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
  /**
   * When tensor ranks have parts of a copy's gradient, which are to be summed: never, for each has all of it; when the rows
   * are split among them (sequence parallelism); or always, for the heads are.
   */
  readonly partial: 'never' | 'rows' | 'always';
  readonly cut: Cut;
}

/**
 * Weights begin as those of GPT-NeoX-20B did (Black et al. 2022, arXiv 2204.06745, section 2.2): the wider what they are
 * summed over, the smaller (Nguyen and Salazar 2019), and what is added to the residual stream the smaller the more layers
 * add to it.
 */
export const drawnFor = (width: number): Initial => ({ kind: 'normal', deviation: Math.sqrt(2 / (5 * width)) });
export const drawnForResidual = ({ layers, hidden }: Model): Initial => ({
  kind: 'normal',
  deviation: 2 / (Math.max(1, layers) * Math.sqrt(hidden)),
});
const zeros: Initial = { kind: 'constant', value: 0 };
const ones: Initial = { kind: 'constant', value: 1 };

/** Weight decay leaves norms and biases alone: all that does not begin at random. */
export const isDecayed = ({ cut }: Parameter): boolean => cut.initial.kind === 'normal';

const sum = (lengths: readonly number[]): number => lengths.reduce((total, length) => total + length, 0);
const elementsOf = ({ count, outer, groups, inner }: Omit<Cut, 'present' | 'initial'>): number =>
  count * outer * sum(groups) * inner;

/** Of `ranks` tensor ranks each has a part. */
const sharded = (name: string, cut: Cut, ranks: number): Parameter => ({
  name,
  elements: elementsOf(cut) / ranks,
  padding: 0,
  isSharded: true,
  isCopy: false,
  partial: 'never',
  cut,
});
const cutOf = (parts: Partial<Cut> & Pick<Cut, 'groups' | 'initial'>): Cut => ({
  count: 1,
  outer: 1,
  inner: 1,
  present: sum(parts.groups),
  ...parts,
});

/** What a matrix is drawn from, and how many there are, one behind another. */
interface Kind {
  readonly initial?: Initial;
  readonly count?: number;
}
/** [inputs, outputs]: each rank has some columns of each of the groups that stand side by side (Shoeybi et al. 2019). */
export const columns = (
  name: string,
  { inputs, groups, initial = drawnFor(inputs), count = 1 }: { inputs: number; groups: readonly number[] } & Kind,
  ranks: number,
): Parameter => sharded(name, cutOf({ count, outer: inputs, groups, initial }), ranks);
/** [inputs, outputs]: each rank has some rows. */
export const rows = (
  name: string,
  { inputs, outputs, initial = drawnFor(inputs), count = 1 }: { inputs: number; outputs: number } & Kind,
  ranks: number,
): Parameter => sharded(name, cutOf({ count, groups: [inputs], inner: outputs, initial }), ranks);
/** A bias, or a gain, of which each rank has the elements of its own columns. */
export const perColumn = (
  name: string,
  { groups, value = 0, count = 1 }: { groups: readonly number[]; value?: 0 | 1; count?: number },
  ranks: number,
): Parameter => sharded(name, cutOf({ count, groups, initial: value === 0 ? zeros : ones }), ranks);

/** [inputs, outputs], or a vector of `outputs`, the same on every tensor rank. */
const copied = (name: string, partial: Parameter['partial'], cut: Cut): Parameter => ({
  name,
  elements: elementsOf(cut),
  padding: 0,
  isSharded: false,
  isCopy: false,
  partial,
  cut,
});
export const copiedMatrix = (
  name: string,
  { inputs, outputs, initial = drawnFor(inputs) }: { inputs: number; outputs: number; initial?: Initial },
  partial: Parameter['partial'] = 'rows',
): Parameter => copied(name, partial, cutOf({ outer: inputs, groups: [outputs], initial }));
export const copiedGain = (name: string, length: number, partial: Parameter['partial'] = 'rows'): Parameter =>
  copied(name, partial, cutOf({ groups: [length], initial: ones }));
export const copiedBias = (name: string, length: number, count = 1): Parameter =>
  copied(name, 'rows', cutOf({ count, groups: [length], initial: zeros }));

/** A norm of the residual stream, in the model's kind. */
export const norm = (name: string, model: Model): readonly Parameter[] =>
  model.norm === 'layernorm'
    ? [copiedGain(`${name} gain`, model.hidden), copiedBias(`${name} bias`, model.hidden)]
    : [copiedGain(`${name} gain`, model.hidden)];

/** Rows that the vocabulary is padded to, so that it divides over the tensor ranks: a multiple of 128 tp (Megatron-LM). */
export const paddedVocabulary = (vocabulary: number, tp: number): number => {
  if (tp === 1 && vocabulary % 8 === 0) return vocabulary;
  const multiple = vocabulary % (8 * tp) === 0 ? 8 * tp : 128 * tp;
  return Math.ceil(vocabulary / multiple) * multiple;
};
/** One a word of the vocabulary. */
export const words = (name: string, { vocabulary }: Model, tp: number): Parameter =>
  perWord(name, { vocabulary, tp, inner: 1, initial: zeros });
/** A row of `hidden` a word. */
export const table = (
  name: string,
  { model, tp, isCopy }: { model: Model; tp: number; isCopy: boolean },
): Parameter => ({
  ...perWord(name, { vocabulary: model.vocabulary, tp, inner: model.hidden, initial: drawnFor(model.hidden) }),
  isCopy,
});
const perWord = (
  name: string,
  { vocabulary, tp, inner, initial }: { vocabulary: number; tp: number; inner: number; initial: Initial },
): Parameter => {
  const padded = paddedVocabulary(vocabulary, tp);
  const cut = cutOf({ groups: [padded], inner, present: vocabulary, initial });
  return { ...sharded(name, cut, tp), padding: ((padded - vocabulary) * inner) / tp };
};
