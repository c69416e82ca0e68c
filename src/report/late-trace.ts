/** A trace from a step on, as if the world had begun there: what a run does while it gets going is not what it is like. */
import type { Trace, TraceEntry } from '../effects/trace.ts';
import type { Instant } from '../units/quantity.ts';
import { instant, instantZero } from '../units/quantity.ts';
import type { Steps } from './step-times.ts';
import { stepEnds } from './step-times.ts';
import { levelsAt } from './trace/levels.ts';

/** Begins where the `skipped` steps are over; with none of them, where the first thing happens. */
export const behindSteps = (trace: Trace, steps: Steps, skipped: number): Trace => {
  const first = firstOf(trace);
  if (skipped === 0) return trace.map((entry) => since(entry, first));
  const start = stepEnds(trace, steps)[skipped - 1];
  if (start === undefined) return [];
  // What happens in the moment in which a step is over is its last; what is held then is held at the start.
  const happened = trace.filter((entry) => endOf(entry) > start);
  return [...levelsAt(trace, start), ...happened].map((entry) => since(entry, start));
};

const firstOf = (trace: Trace): Instant =>
  trace.reduce((first: Instant | null, entry) => {
    const start = startOf(entry);
    return first === null || start < first ? start : first;
  }, null) ?? instantZero;

const startOf = (entry: TraceEntry): Instant => {
  if (entry.kind === 'span' || entry.kind === 'collective') return entry.start;
  return entry.kind === 'message' ? entry.sent : entry.at;
};
const endOf = (entry: TraceEntry): Instant => {
  if (entry.kind === 'span' || entry.kind === 'collective') return entry.end;
  return entry.kind === 'message' ? entry.arrived : entry.at;
};

/** What had begun before begins with the rest. */
const since = (entry: TraceEntry, start: Instant): TraceEntry => {
  const from = (at: Instant): Instant => instant(Math.max(0, at - start));
  if (entry.kind === 'span' || entry.kind === 'collective')
    return { ...entry, start: from(entry.start), end: from(entry.end) };
  if (entry.kind === 'message') return { ...entry, sent: from(entry.sent), arrived: from(entry.arrived) };
  if (entry.kind === 'receipt' && entry.asked !== undefined)
    return { ...entry, asked: from(entry.asked), at: from(entry.at) };
  return { ...entry, at: from(entry.at) };
};
