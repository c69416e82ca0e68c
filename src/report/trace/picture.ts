/** What a timeline shows of each rank, whatever the format: tracks of slices, messages that link them, and memory. */
import type { Held, Trace } from '../../effects/trace.ts';
import type { Instant } from '../../units/quantity.ts';
import { instantZero, latest } from '../../units/quantity.ts';
import { disjoint } from './disjoint.ts';
import { byWork } from './lane-order.ts';
import type { Ranks } from './selection.ts';
import type { Drawn, Laid, Slice } from './slices.ts';
import { laid } from './slices.ts';

/** Stands in every file of a trace, whatever is in it. */
export const TIMELINE = 'angel-sim.timeline/1';

export interface Subject {
  readonly title: string;
  readonly world: 'simulated' | 'real';
  /** The last of the ranks is the job's supervisor. */
  readonly devices: number;
  /** False where ranks are threads, whose loader copies within memory and over no bus. */
  readonly hasDevices: boolean;
  /** Those that are shown. */
  readonly ranks: Ranks;
}

/** No two slices of a track overlap. */
export interface Track {
  readonly label: string;
  /** Orders the tracks of a rank; the same on every rank. */
  readonly place: number;
  readonly slices: readonly Slice[];
}
export interface Counter {
  readonly label: string;
  readonly place: number;
  readonly points: readonly { readonly at: Instant; readonly size: number }[];
}
export interface RankPicture {
  readonly rank: number;
  readonly label: string;
  readonly tracks: readonly Track[];
  readonly counters: readonly Counter[];
}

/** Rank by rank, so that no more than one of them is drawn at a time. */
export function* picturesOf(trace: Trace, subject: Subject): Generator<RankPicture> {
  const byRank = drawnBy(trace, subject.ranks);
  const lanes = new Set<string>();
  for (const entries of byRank.values()) for (const one of entries) for (const { lane } of laid(one)) lanes.add(lane);
  const order = [...lanes].toSorted(byWork);
  const end = endOf(trace);
  for (const rank of [...byRank.keys()].toSorted((a, b) => a - b)) {
    const entries = byRank.get(rank)!;
    yield {
      rank,
      label: rank < subject.devices ? `rank ${rank}` : 'supervisor',
      tracks: tracksOf(entries, { order, end, hasDevices: subject.hasDevices }),
      counters: countersOf(entries.flatMap(({ entry }) => (entry.kind === 'memory' ? [entry] : []))),
    };
  }
}

const drawnBy = (trace: Trace, ranks: Ranks): ReadonlyMap<number, readonly Drawn[]> => {
  const byRank = new Map<number, Drawn[]>();
  const isShown = (rank: number): boolean => ranks === null || ranks.has(rank);
  const draw = (drawn: Drawn): void => {
    if (!isShown(drawn.rank)) return;
    const drawnHere = byRank.get(drawn.rank);
    if (drawnHere === undefined) byRank.set(drawn.rank, [drawn]);
    else drawnHere.push(drawn);
  };
  for (const [index, entry] of trace.entries()) {
    if (entry.kind === 'message') {
      const flow = isShown(entry.from) && isShown(entry.to) ? index + 1 : null;
      draw({ entry, rank: entry.from, flow });
      draw({ entry, rank: entry.to, flow });
    } else draw({ entry, rank: entry.kind === 'receipt' ? entry.to : entry.rank, flow: null });
  }
  return byRank;
};

interface Drawing {
  readonly order: readonly string[];
  /** Of the trace: until then a life is in its last state. */
  readonly end: Instant;
  readonly hasDevices: boolean;
}

const tracksOf = (entries: readonly Drawn[], { order, end, hasDevices }: Drawing): readonly Track[] => {
  const lanes = new Map<string, Slice[]>();
  const lay = ({ lane, slice }: Laid): void => {
    const slices = lanes.get(lane);
    if (slices === undefined) lanes.set(lane, [slice]);
    else slices.push(slice);
  };
  for (const drawn of entries) for (const one of laid(drawn)) lay(one);
  return [...lanes]
    .toSorted(([a], [b]) => order.indexOf(a) - order.indexOf(b))
    .flatMap(([lane, slices]) => {
      const label = lane === 'pcie' && !hasDevices ? 'loader' : lane;
      const lasting = slices[0]!.category === 'state' ? untilNext(slices, end) : slices;
      return disjoint(lasting).map((track, index) => ({
        label: index === 0 ? label : `${label} (${index + 1})`,
        place: order.indexOf(lane) * TRACKS_A_LANE_MAX + index,
        slices: track,
      }));
    });
};
/** Far more than strands of a rank that wait for anything at once. */
const TRACKS_A_LANE_MAX = 10_000;

/** A life is in a state until it is in the next one. */
const untilNext = (states: readonly Slice[], end: Instant): readonly Slice[] => {
  const inOrder = states.toSorted((a, b) => a.start - b.start);
  return inOrder.map((state, index) => ({ ...state, end: inOrder[index + 1]?.start ?? latest(state.start, end) }));
};

const countersOf = (held: readonly Held[]): readonly Counter[] => {
  const points = new Map<string, { at: Instant; size: number }[]>();
  for (const { tier, purpose, at, size } of held) {
    const label = `${tier} ${purpose}`;
    const known = points.get(label) ?? [];
    points.set(label, known);
    // Of what happens in one moment the last word counts.
    if (known.at(-1)?.at === at) known.at(-1)!.size = Math.round(size);
    else known.push({ at, size: Math.round(size) });
  }
  return [...points.keys()].toSorted().map((label, place) => ({ label, place, points: points.get(label)! }));
};

const endOf = (trace: Trace): Instant =>
  trace.reduce<Instant>((last, entry) => {
    if (entry.kind === 'span' || entry.kind === 'collective') return latest(last, entry.end);
    return latest(last, entry.kind === 'message' ? entry.arrived : entry.at);
  }, instantZero);
