/** Where the time of a job's steps goes by its trace, the same way in both worlds. */
import { REPORT_TAG } from '../actors/tags.ts';
import type { Phase, Phases } from '../effects/phase.ts';
import { PHASES, phaseOf } from '../effects/phase.ts';
import type { Span, Trace } from '../effects/trace.ts';
import type { Instant, Seconds } from '../units/quantity.ts';
import { between, instantZero, latest, seconds } from '../units/quantity.ts';
import { totalRecord } from '../units/total-record.ts';
import { median } from './median.ts';

/** Steps that follow each other, with nothing between them, on so many devices. */
export interface Steps {
  readonly devices: number;
  readonly steps: number;
}

/** When each step was over: the job's supervisor, the rank behind the devices, had heard of it from all of them. */
export const stepEnds = (trace: Trace, { devices, steps }: Steps): readonly Instant[] =>
  trace
    .filter((entry) => entry.kind === 'receipt')
    .filter(({ to, tag }) => to === devices && tag === REPORT_TAG)
    .map(({ at }) => at)
    .toSorted((a, b) => a - b)
    .filter((_, index) => index % devices === devices - 1)
    .slice(0, steps);

/** How long each step took, those before the `first` left out; the first is 0. */
export const stepTimes = (ends: readonly Instant[], first: number): readonly Seconds[] =>
  ends.slice(first).map((end, index) => between(ends[first + index - 1] ?? instantZero, end));

/** Of no steps: none. */
export const medianStep = (times: readonly Seconds[]): Seconds => seconds(median(times) ?? 0);

/** A tenth of the steps are faster: on a machine that others use too, noise only ever adds time. */
export const undisturbedStep = (times: readonly Seconds[]): Seconds => {
  const sorted = times.toSorted((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 10)] ?? seconds(0);
};

/** The mean over the ranks and over the steps from the `first` on; the phases add up to the mean step. */
export const phasesOf = (trace: Trace, { devices, steps }: Steps, first: number): Phases => {
  const ends = stepEnds(trace, { devices, steps });
  const [from, to] = [ends[first - 1] ?? instantZero, ends.at(-1) ?? instantZero];
  const spent = new Map<Phase, number>();
  const spans = trace.filter((entry) => entry.kind === 'span');
  for (let index = 0; index < devices; index++)
    spend(
      spent,
      spans.filter(({ rank }) => rank === index),
      { from, to },
    );
  const busy = [...spent.values()].reduce((total, nanoseconds) => total + nanoseconds, 0);
  // Where nobody notes that a rank waits, it does whenever it does nothing else.
  const left = spent.has('waiting') ? 'rest' : 'waiting';
  spent.set(left, (spent.get(left) ?? 0) + (to - from) * devices - busy);
  const shares = (ends.length - first) * devices;
  return totalRecord(PHASES, (phase) => seconds((spent.get(phase) ?? 0) / shares / 1e9));
};

/** What two lanes of a rank do at once counts once, for the one that began first. */
const spend = (
  spent: Map<Phase, number>,
  spans: readonly Span[],
  { from, to }: { from: Instant; to: Instant },
): void => {
  let done: Instant = from;
  for (const span of spans.toSorted((a, b) => a.start - b.start)) {
    const alone = Math.min(span.end, to) - latest(span.start, done);
    if (alone <= 0) continue;
    const phase = phaseOf(span);
    spent.set(phase, (spent.get(phase) ?? 0) + alone);
    done = latest(done, span.end);
  }
};
