/** What lies between two answers: which choices differ, and where the time, the memory and the dollars went. */
import type { Purpose } from '../memory/purpose.ts';
import { PURPOSES } from '../memory/purpose.ts';
import type { Term } from '../sim/evaluation.ts';
import { TERMS } from '../sim/evaluation.ts';
import { roundToSum } from '../units/format.ts';
import { totalRecord } from '../units/total-record.ts';

/** One of the two answers. Steps are whole nanoseconds, as the simulator's are. */
export interface Side {
  /** Every key of the question, the layout and the figures behind them, as text. */
  readonly settings: Readonly<Record<string, string>>;
  readonly step: number;
  /** The stage that speaks for the step, and its terms, which add up to it but for the rounding of fractions. */
  readonly stage: number;
  readonly terms: Readonly<Record<Term, number>>;
  /** The stage that holds most, and what for, in bytes. */
  readonly worst: number;
  readonly memory: Readonly<Record<Purpose, number>>;
  /** Null without a number of tokens, and dollars without a price. */
  readonly days: number | null;
  readonly dollarsLow: number | null;
  readonly dollarsHigh: number | null;
}

export interface Change {
  readonly key: string;
  /** Null where the key stands in one of the two only. */
  readonly before: string | null;
  readonly after: string | null;
}

export interface Pair {
  readonly before: number | null;
  readonly after: number | null;
  /** Null unless both are known. */
  readonly difference: number | null;
}

export interface Difference {
  readonly changes: readonly Change[];
  readonly stages: { readonly before: number; readonly after: number };
  /** Nanoseconds; the differences of the terms add up to the difference of the steps, to the last one. */
  readonly step: Pair;
  readonly terms: Readonly<Record<Term, Pair>>;
  readonly worst: { readonly before: number; readonly after: number };
  /** Bytes; those of the purposes add up to those of the peak. */
  readonly peak: Pair;
  readonly memory: Readonly<Record<Purpose, Pair>>;
  readonly days: Pair;
  readonly dollarsLow: Pair;
  readonly dollarsHigh: Pair;
}

export const differenceOf = (before: Side, after: Side): Difference => ({
  changes: changesOf(before.settings, after.settings),
  stages: { before: before.stage, after: after.stage },
  step: pairOf(before.step, after.step),
  terms: byTerm(wholeTerms(before), wholeTerms(after)),
  worst: { before: before.worst, after: after.worst },
  peak: pairOf(peakOf(before), peakOf(after)),
  memory: totalRecord(PURPOSES, (purpose) => pairOf(before.memory[purpose], after.memory[purpose])),
  days: pairOf(before.days, after.days),
  dollarsLow: pairOf(before.dollarsLow, after.dollarsLow),
  dollarsHigh: pairOf(before.dollarsHigh, after.dollarsHigh),
});

/** In the order of the first, what only the second has at the end. */
const changesOf = (before: Side['settings'], after: Side['settings']): readonly Change[] =>
  [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .map((key) => ({ key, before: before[key] ?? null, after: after[key] ?? null }))
    .filter((change) => change.before !== change.after);

const pairOf = (before: number | null, after: number | null): Pair => ({
  before,
  after,
  difference: before === null || after === null ? null : after - before,
});

/** In whole nanoseconds that add up to the step: sums of whole numbers are exact. */
const wholeTerms = ({ terms, step }: Side): readonly number[] => {
  const rounded = roundToSum(
    TERMS.map((term) => terms[term]),
    0,
  );
  // What the terms' own fractions leave of the step, never more than a few nanoseconds, is waiting.
  const left = step - add(rounded);
  return rounded.map((value, index) => (TERMS[index] === 'bubble' ? value + left : value));
};
const byTerm = (before: readonly number[], after: readonly number[]): Difference['terms'] =>
  totalRecord(TERMS, (_term, index) => pairOf(before[index]!, after[index]!));

const peakOf = ({ memory }: Side): number => add(PURPOSES.map((purpose) => memory[purpose]));
const add = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
