/**
 * A trace as a timeline that ui.perfetto.dev opens: the JSON of
 * https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU, a process for each rank and a thread for each of its lanes.
 */
import type { Message, Trace, TraceEntry } from '../effects/trace.ts';
import type { Instant } from '../units/quantity.ts';

/** Stands in every timeline, whatever is in it. */
export const TIMELINE = 'angel-sim.timeline/1';

export interface Subject {
  readonly title: string;
  readonly world: 'simulated' | 'real';
  /** The last of the ranks is the job's supervisor. */
  readonly devices: number;
  /** False where ranks are threads, whose loader copies within memory and over no bus. */
  readonly hasDevices: boolean;
}

interface Event {
  /** X: from `ts` on for `dur`; s and f: an arrow from one to the other; i: a moment; M: a name. */
  readonly ph: 'X' | 's' | 'f' | 'i' | 'M';
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  /** Microseconds. */
  readonly ts?: number;
  readonly dur?: number;
  readonly [other: string]: unknown;
}

export const timelineText = (trace: Trace, { title, world, devices, hasDevices }: Subject): string => {
  const lanes = new Lanes();
  const events = trace.flatMap((entry, index) => eventsOf(entry, { index, lanes }));
  const order = [...new Set(lanes.all.map(({ lane }) => lane))].toSorted(byWork);
  const names = lanes.all.flatMap(({ rank, lane, tid }) => [
    { ph: 'M', name: 'process_name', pid: rank, tid, args: { name: rank < devices ? `rank ${rank}` : 'supervisor' } },
    { ph: 'M', name: 'thread_name', pid: rank, tid, args: { name: labelOf(lane, hasDevices) } },
    { ph: 'M', name: 'thread_sort_index', pid: rank, tid, args: { sort_index: order.indexOf(lane) } },
  ]);
  const lines = [...names, ...events].map((event) => JSON.stringify(event));
  const about = JSON.stringify({ schema: TIMELINE, title, world });
  return `{"displayTimeUnit":"ms","otherData":${about},"traceEvents":[\n${lines.join(',\n')}\n]}\n`;
};

const labelOf = (lane: string, hasDevices: boolean): string => (lane === 'pcie' && !hasDevices ? 'loader' : lane);

/** The same order on every rank, whatever each of them did first: work, waits, then what travels, then lives. */
const byWork = (a: string, b: string): number => placeOf(a) - placeOf(b) || (a < b ? -1 : 1);
const placeOf = (lane: string): number => {
  const place = ['compute', 'host', 'idle', 'receive', 'sent', 'arrived'].indexOf(lane);
  if (place !== -1) return place;
  return lane.startsWith('life of') ? 8 : 7;
};

/** Lanes by rank, numbered in the order in which they are met: what a rank does above what it sends and gets. */
class Lanes {
  readonly #tids = new Map<string, { readonly rank: number; readonly lane: string; readonly tid: number }>();
  readonly #counts = new Map<number, number>();

  tid(rank: number, lane: string): number {
    const name = `${rank} ${lane}`;
    const known = this.#tids.get(name);
    if (known !== undefined) return known.tid;
    const tid = (this.#counts.get(rank) ?? 0) + 1;
    this.#counts.set(rank, tid);
    this.#tids.set(name, { rank, lane, tid });
    return tid;
  }
  get all(): readonly { readonly rank: number; readonly lane: string; readonly tid: number }[] {
    return [...this.#tids.values()].toSorted((a, b) => a.rank - b.rank || a.tid - b.tid);
  }
}

interface Where {
  /** Names the arrow of a message. */
  readonly index: number;
  readonly lanes: Lanes;
}

const eventsOf = (entry: TraceEntry, where: Where): readonly Event[] => {
  switch (entry.kind) {
    case 'span': {
      const { rank, lane, name, start, end } = entry;
      const tid = where.lanes.tid(rank, lane);
      return [{ ph: 'X', cat: 'span', name, pid: rank, tid, ts: microseconds(start), dur: (end - start) / 1e3 }];
    }
    case 'message':
      return arrow(entry, where);
    case 'passage': {
      const { rank, subject, to, event, at } = entry;
      const tid = where.lanes.tid(rank, `life of the ${subject}`);
      return [{ ph: 'i', s: 't', cat: 'passage', name: to, pid: rank, tid, ts: microseconds(at), args: { event } }];
    }
    // A receipt is the end of a wait, and a choice takes no time: neither is anything to look at.
    case 'receipt':
    case 'choice':
    case 'collective':
    case 'memory':
    case 'fork':
    case 'join':
      return [];
    default:
      return entry satisfies never;
  }
};

/** A mark where the message was sent, one where it arrived, and an arrow between the two. */
const arrow = (message: Message, { index, lanes }: Where): readonly Event[] => {
  const { from, to, axis, tag, strand, size, sent, arrived } = message;
  const ends = [
    { pid: from, tid: lanes.tid(from, 'sent'), name: `${axis} to ${to}`, ts: microseconds(sent) },
    { pid: to, tid: lanes.tid(to, 'arrived'), name: `${axis} from ${from}`, ts: microseconds(arrived) },
  ] as const;
  const args = { tag, bytes: size, strand };
  const [start, end] = ends;
  return [
    { ph: 'X', cat: 'message', ...start, dur: 0, args },
    { ph: 's', cat: 'message', id: index, ...start, name: axis, args },
    { ph: 'X', cat: 'message', ...end, dur: 0, args },
    { ph: 'f', bp: 'e', cat: 'message', id: index, ...end, name: axis },
  ];
};

/** The format counts in microseconds; three decimals keep every nanosecond. */
const microseconds = (at: Instant): number => at / 1e3;
