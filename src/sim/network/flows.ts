/**
 * Flows that share links max-min fairly (Bertsekas and Gallager 1992, section 6.5.2): no flow could be faster without making
 * one slower that is no faster than it. A flow's size is the time that it takes alone at its full rate of 1, and so are
 * the capacities of links measured in full rates.
 */
import { EventHeap } from './event-heap.ts';

/** A link on the way of a flow, and how many times its rate the flow puts on it. */
export interface Hop {
  readonly link: number;
  readonly weight: number;
}
export type Route = readonly Hop[];

export interface LinkUse {
  /** Time at full rate that has passed over the link, over all flows. */
  readonly carried: Float64Array;
  /** The most that ever was on the link at once, as a share of its capacity. */
  readonly fullest: Float64Array;
  /** Time that flows lost because this link was the narrowest on their way. */
  readonly lost: Float64Array;
}

/** A flow in the network. */
interface Flow {
  readonly route: Route;
  readonly done: (at: number) => void;
  /** Its place among the flows of each link of its route. */
  readonly places: Int32Array;
  remaining: number;
  rate: number;
  /** The link that holds it back; -1 for none. */
  narrowest: number;
  /** Up to when `remaining` is counted. */
  counted: number;
  /** Of its events only the last one holds. */
  version: number;
  /** It is being shared out anew. */
  isOpen: boolean;
}

/** Shares below this of a link's capacity are rounding. */
const ROUNDING = 1e-9;

export class Flows implements LinkUse {
  readonly carried: Float64Array;
  readonly fullest: Float64Array;
  readonly lost: Float64Array;
  readonly #capacity: Float64Array;
  /** By link: what its flows would put on it at full rate, what they do put on it, and who they are. */
  readonly #load: Float64Array;
  readonly #flowing: Float64Array;
  readonly #on: (Flow[] | undefined)[];
  readonly #heap = new EventHeap();
  /** Events by number: what is to begin, or whose end it is. */
  readonly #events: ({ readonly flow: Flow; readonly version: number } | null)[] = [];
  readonly #freeEvents: number[] = [];
  readonly #dirty = new Set<number>();
  /** Marks of a search through neighbours. */
  readonly #seen: Int32Array;
  #search = 0;
  readonly #reached: number[] = [];
  /** Of links reached: what is left to share out, the load that has no share yet, and who is the narrowest. */
  readonly #left: Float64Array;
  readonly #open: Float64Array;
  readonly #narrowing = new EventHeap();
  #now = 0;
  #count = 0;

  constructor(capacity: Float64Array) {
    this.#capacity = capacity;
    this.carried = new Float64Array(capacity.length);
    this.fullest = new Float64Array(capacity.length);
    this.lost = new Float64Array(capacity.length);
    this.#flowing = new Float64Array(capacity.length);
    this.#load = new Float64Array(capacity.length);
    this.#on = new Array<Flow[] | undefined>(capacity.length);
    this.#seen = new Int32Array(capacity.length);
    this.#left = new Float64Array(capacity.length);
    this.#open = new Float64Array(capacity.length);
  }

  /** Events that have happened: flows that began or ended, and ends that were put off. */
  get events(): number {
    return this.#count;
  }

  /** A flow of that size begins at `at`, which is not in the past; `done` is told when it ends. */
  begin(route: Route, size: number, at: number, done: (at: number) => void): void {
    const flow: Flow = {
      route,
      done,
      places: new Int32Array(route.length),
      remaining: size,
      rate: 0,
      narrowest: -1,
      counted: at,
      version: 0,
      isOpen: false,
    };
    this.#at(at, flow);
  }

  /** Lets happen what happens next, at one instant; false if nothing is left. */
  advance(): boolean {
    if (this.#heap.count === 0) return false;
    const now = this.#heap.nextTime;
    this.#now = now;
    while (this.#heap.nextTime === now) {
      const number = this.#heap.take();
      const { flow, version } = this.#events[number]!;
      this.#events[number] = null;
      this.#freeEvents.push(number);
      if (version !== flow.version) continue;
      this.#count++;
      if (version === 0) this.#enter(flow);
      else this.#leave(flow);
    }
    if (this.#dirty.size > 0) this.#share();
    return true;
  }

  #at(time: number, flow: Flow): void {
    const number = this.#freeEvents.pop() ?? this.#events.length;
    this.#events[number] = { flow, version: flow.version };
    this.#heap.add(time, number);
  }

  #enter(flow: Flow): void {
    flow.version = 1;
    let isFree = true;
    for (const [index, { link, weight }] of flow.route.entries()) {
      const flows = (this.#on[link] ??= []);
      flow.places[index] = flows.push(flow) - 1;
      this.#load[link]! += weight;
      if (!this.#isNarrow(link)) continue;
      isFree = false;
      this.#dirty.add(link);
    }
    if (!isFree) return;
    this.#setRate(flow, 1, -1);
    this.#look(flow);
  }

  #leave(flow: Flow): void {
    this.#tally(flow);
    flow.version = -1;
    for (const [index, { link, weight }] of flow.route.entries()) {
      if (this.#isNarrow(link)) this.#dirty.add(link);
      const flows = this.#on[link]!;
      const place = flow.places[index]!;
      const last = flows.pop()!;
      if (last !== flow || place !== flows.length) {
        flows[place] = last;
        last.places[placeOf(last, link, flows.length)] = place;
      }
      this.#load[link]! -= weight;
      this.#flowing[link]! -= weight * flow.rate;
      if (flows.length === 0) this.#load[link] = this.#flowing[link] = 0;
    }
    flow.done(this.#now);
  }

  /** Its flows could put more on it than it carries: only such links hold flows back, or make them depend on each other. */
  #isNarrow(link: number): boolean {
    return this.#load[link]! > this.#capacity[link]! * (1 + ROUNDING);
  }

  /**
   * Shares anew among all flows that depend on a change: the narrowest link's flows get its capacity in equal parts, then
   * those of the narrowest among what is left, and so on. What a link has left for each flow only ever grows meanwhile.
   */
  #share(): void {
    const flows = this.#neighbourhood();
    for (const link of this.#reached) {
      this.#left[link] = this.#capacity[link]!;
      this.#open[link] = this.#load[link]!;
      this.#narrowing.add(this.#left[link] / this.#open[link], link);
    }
    while (this.#narrowing.count > 0) {
      const expected = this.#narrowing.nextTime;
      const link = this.#narrowing.take();
      if (this.#open[link]! <= ROUNDING) continue;
      const share = this.#left[link]! / this.#open[link]!;
      if (share >= 1) continue;
      if (share > expected * (1 + ROUNDING)) this.#narrowing.add(share, link);
      else for (const flow of this.#on[link]!) if (flow.isOpen) this.#fix(flow, share, link);
    }
    for (const flow of flows) if (flow.isOpen) this.#fix(flow, 1, -1);
    for (const flow of flows) this.#look(flow);
    this.#reached.length = 0;
  }
  #fix(flow: Flow, rate: number, narrowest: number): void {
    flow.isOpen = false;
    for (const { link, weight } of flow.route) {
      if (this.#seen[link] !== this.#search) continue;
      this.#left[link] = Math.max(0, this.#left[link]! - weight * rate);
      this.#open[link]! -= weight;
    }
    this.#setRate(flow, rate, narrowest);
  }

  /** The flows that a change may concern; the narrow links among them are those reached. */
  #neighbourhood(): readonly Flow[] {
    this.#search++;
    const flows: Flow[] = [];
    for (const link of this.#dirty) this.#reach(link);
    this.#dirty.clear();
    for (let index = 0; index < this.#reached.length; index++)
      for (const flow of this.#on[this.#reached[index]!] ?? []) {
        if (flow.isOpen) continue;
        flow.isOpen = true;
        flows.push(flow);
        for (const { link } of flow.route) if (this.#isNarrow(link)) this.#reach(link);
      }
    return flows;
  }
  #reach(link: number): void {
    if (this.#seen[link] === this.#search) return;
    this.#seen[link] = this.#search;
    this.#reached.push(link);
  }

  #setRate(flow: Flow, rate: number, narrowest: number): void {
    if (rate === flow.rate && flow.version > 1) {
      flow.narrowest = narrowest;
      return;
    }
    this.#tally(flow);
    for (const { link, weight } of flow.route) this.#flowing[link]! += weight * (rate - flow.rate);
    flow.rate = rate;
    flow.narrowest = narrowest;
    flow.version++;
    this.#at(rate > 0 ? this.#now + Math.ceil(flow.remaining / rate - ROUNDING) : Infinity, flow);
  }
  /** Once every rate of an instant is settled. */
  #look(flow: Flow): void {
    for (const { link } of flow.route)
      this.fullest[link] = Math.max(this.fullest[link]!, this.#flowing[link]! / this.#capacity[link]!);
  }

  /** Counts what has flowed since the last time. */
  #tally(flow: Flow): void {
    const passed = this.#now - flow.counted;
    if (passed <= 0) return;
    flow.counted = this.#now;
    const moved = Math.min(flow.remaining, passed * flow.rate);
    flow.remaining -= moved;
    for (const { link, weight } of flow.route) this.carried[link]! += weight * moved;
    if (flow.narrowest !== -1) this.lost[flow.narrowest]! += passed - moved;
  }
}

/** Where in the flow's route that link stands whose place was `place`. */
const placeOf = (flow: Flow, link: number, place: number): number =>
  flow.route.findIndex((hop, index) => hop.link === link && flow.places[index] === place);
