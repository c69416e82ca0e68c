/** The part of a trace that somebody wants to see: some of its ranks, and a window of its time. */
import type { Trace, TraceEntry } from '../../effects/trace.ts';
import { parseSeconds } from '../../units/parse.ts';
import type { Instant } from '../../units/quantity.ts';
import { instantZero, later } from '../../units/quantity.ts';
import { isLevel, levelsAt } from './levels.ts';

/** In their order; null: all of them. */
export type Ranks = ReadonlySet<number> | null;
export interface Window {
  readonly from: Instant;
  readonly to: Instant;
}

/** `0-7,16`: ranges with both of their ends, and single ranks. */
export const parseRanks = (text: string): ReadonlySet<number> => {
  const ranks = text.split(',').flatMap((part) => {
    const [, first, last = first] = /^(\d{1,7})(?:-(\d{1,7}))?$/u.exec(part.trim()) ?? [];
    if (first === undefined || last === undefined || Number(last) < Number(first))
      throw new RangeError(`wanted ranks and ranges of them, such as 0-7,16, not ${JSON.stringify(part.trim())}`);
    return Array.from({ length: Number(last) - Number(first) + 1 }, (_, index) => Number(first) + index);
  });
  return new Set(ranks.toSorted((a, b) => a - b));
};

/** `1ms..5ms`: from the one to the other, since the start of what is shown. */
export const parseWindow = (text: string): Window => {
  const [from, to, ...others] = text.split('..').map((end) => parseSeconds(end.trim()));
  if (from?.kind === 'value' && to?.kind === 'value' && others.length === 0 && from.value < to.value)
    return { from: later(instantZero, from.value), to: later(instantZero, to.value) };
  throw new RangeError(`wanted a start and a later end, such as 1ms..5ms, not ${JSON.stringify(text)}`);
};

/**
 * What happens in the window: what began before or ends behind it is cut off at its ends, a message that does is left out,
 * and what is held at its start is said there.
 */
export const within = (trace: Trace, window: Window | null): Trace =>
  window === null ? trace : [...levelsAt(trace, window.from), ...trace.flatMap((entry) => cut(entry, window))];

/** A training step, as far as it is shown; the first of a run is step 1. */
export interface ShownStep {
  readonly number: number;
  readonly start: Instant;
  readonly end: Instant;
}
/** Of steps that follow each other, by when each was over; so many were left out before them. */
export const shownSteps = (ends: readonly Instant[], skipped: number, window: Window | null): readonly ShownStep[] =>
  ends.flatMap((over, index) => {
    const [from, to] = [ends[index - 1] ?? instantZero, over];
    const step = {
      number: skipped + index + 1,
      start: max(from, window?.from ?? from),
      end: min(to, window?.to ?? to),
    };
    return step.start < step.end ? [step] : [];
  });

const cut = (entry: TraceEntry, { from, to }: Window): readonly TraceEntry[] => {
  if (entry.kind === 'message') return entry.sent >= from && entry.arrived <= to ? [entry] : [];
  if (entry.kind !== 'span' && entry.kind !== 'collective')
    return entry.at <= to && (isLevel(entry) ? entry.at > from : entry.at >= from) ? [entry] : [];
  if (entry.end < from || entry.start > to) return [];
  return [{ ...entry, start: max(entry.start, from), end: min(entry.end, to) }];
};
const max = (a: Instant, b: Instant): Instant => (a > b ? a : b);
const min = (a: Instant, b: Instant): Instant => (a < b ? a : b);
