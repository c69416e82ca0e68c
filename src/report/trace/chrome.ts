/**
 * A trace in the format that chrome://tracing and ui.perfetto.dev open: the JSON of
 * https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU, a process for each rank and a thread for each of its tracks.
 */
import type { Trace } from '../../effects/trace.ts';
import type { Instant } from '../../units/quantity.ts';
import type { Counter, RankPicture, Subject, Track } from './picture.ts';
import { picturesOf, TIMELINE } from './picture.ts';
import type { Slice } from './slices.ts';

interface Event {
  /** X: from `ts` on for `dur`; s and f: an arrow from one to the other; C: a counter; M: a name. */
  readonly ph: 'X' | 's' | 'f' | 'C' | 'M';
  readonly name: string;
  readonly pid: number;
  readonly tid?: number;
  /** Microseconds. */
  readonly ts?: number;
  readonly dur?: number;
  readonly [other: string]: unknown;
}

/** Piece by piece, each of one rank. */
export function* chromeText(trace: Trace, subject: Subject): Generator<string> {
  const { title, world } = subject;
  const about = JSON.stringify({ schema: TIMELINE, title, world });
  yield `{"displayTimeUnit":"ms","otherData":${about},"traceEvents":[`;
  let separator = '\n';
  for (const picture of picturesOf(trace, subject)) {
    const lines = eventsOf(picture).map((event) => JSON.stringify(event));
    if (lines.length === 0) continue;
    yield `${separator}${lines.join(',\n')}`;
    separator = ',\n';
  }
  yield '\n]}\n';
}

const eventsOf = ({ rank: pid, label, tracks, counters }: RankPicture): readonly Event[] => [
  { ph: 'M', name: 'process_name', pid, tid: 0, args: { name: label } },
  { ph: 'M', name: 'process_sort_index', pid, tid: 0, args: { sort_index: pid } },
  ...tracks.flatMap((track, index) => eventsOfTrack(track, { pid, tid: index + 1 })),
  ...counters.flatMap((counter) => eventsOfCounter(counter, pid)),
];

interface Place {
  readonly pid: number;
  readonly tid: number;
}

const eventsOfTrack = ({ label, place, slices }: Track, at: Place): readonly Event[] => [
  { ph: 'M', name: 'thread_name', ...at, args: { name: label } },
  { ph: 'M', name: 'thread_sort_index', ...at, args: { sort_index: place } },
  ...slices.flatMap((slice) => eventsOfSlice(slice, at)),
];

const eventsOfSlice = ({ category: cat, name, start, end, words: args, flow }: Slice, at: Place): readonly Event[] => {
  const ts = microseconds(start);
  const whole: Event = { ph: 'X', cat, name, ...at, ts, dur: (end - start) / 1e3, args };
  if (flow === null) return [whole];
  const { id, axis, end: side } = flow;
  const arrow = side === 'from' ? { ph: 's' as const, args } : { ph: 'f' as const, bp: 'e' };
  return [whole, { ...arrow, cat, id, name: axis, ...at, ts }];
};

/** The format knows no units: they stand in the name. */
const eventsOfCounter = ({ label, points }: Counter, pid: number): readonly Event[] =>
  points.map(({ at, size }) => ({
    ph: 'C',
    name: `${label} (bytes)`,
    pid,
    ts: microseconds(at),
    args: { bytes: size },
  }));

/** The format counts in microseconds; three decimals keep every nanosecond. */
const microseconds = (at: Instant): number => at / 1e3;
