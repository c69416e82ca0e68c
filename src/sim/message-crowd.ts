/**
 * Every message of collectives among thousands of ranks: each rank's program is run once by itself and written down as
 * numbers, and then all are played against each other, each with a clock of its own (Kahn 1974). For programs of one
 * strand; others need the message rung.
 */
import { pushTime } from '../collectives/link-rate.ts';
import type { Program } from '../effects/effect.ts';
import type { World } from '../effects/program.ts';
import { Strand } from '../effects/program.ts';
import { sizeOf } from '../effects/tensor.ts';
import type { Rank } from '../units/identity.ts';
import { rank } from '../units/identity.ts';
import type { Bytes } from '../units/quantity.ts';
import { instantZero, later } from '../units/quantity.ts';
import type { Machine } from './machine.ts';
import { linkBetween } from './machine.ts';
import { oneStrand, refuse } from './one-strand.ts';
import { opTime } from './op-time.ts';

export interface MessageCourse {
  /** When each rank was done, in nanoseconds. */
  readonly ends: Float64Array;
  readonly messages: number;
  /** Bytes that each rank has sent. */
  readonly sent: Float64Array;
}

const RUN = 0;
/** Each class of links is a lane of its own. */
const SEND_NEAR = 1;
const SEND_FAR = 2;
const RECEIVE = 3;

/** Numbers that become more, in an array that doubles. */
class Growing {
  #values = new Float64Array(1024);
  count = 0;
  push(value: number): void {
    if (this.count === this.#values.length) {
      const grown = new Float64Array(2 * this.count);
      grown.set(this.#values);
      this.#values = grown;
    }
    this.#values[this.count++] = value;
  }
  get values(): Float64Array {
    return this.#values.subarray(0, this.count);
  }
}

/** Runs one rank after the other, and writes down what they do: lines of a kind, a number and a time. */
class Scribe implements World<null> {
  readonly kinds = new Growing();
  /** Of a message its channel and its number there; of anything else nothing. */
  readonly channels = new Growing();
  readonly ordinals = new Growing();
  /** What the rank is busy for; of a send how long its lane is. */
  readonly times = new Growing();
  readonly sent: Float64Array;
  readonly machine: Machine;
  /** By pair and tag. */
  readonly #channels = new Map<number, number>();
  /** By channel: sends and receives so far. */
  readonly sends: number[] = [];
  readonly receives: number[] = [];

  constructor(machine: Machine, ranks: number) {
    this.machine = machine;
    this.sent = new Float64Array(ranks);
  }

  readonly handlers = oneStrand({
    compute: (_, { op }) => this.#run(later(instantZero, opTime(op, this.machine))),
    send: (strand, { to, tag, tensor }) => this.#send(strand.rank, to, tag, sizeOf(tensor)),
    receive: (strand, { from, tag }) => {
      const channel = this.#channel(from, strand.rank, tag);
      this.#line(RECEIVE, channel, this.receives[channel]!++);
    },
    sleep: (_, { delay }) => this.#run(later(instantZero, delay)),
  });
  fork(): null {
    return refuse();
  }
  join(): void {
    refuse();
  }
  end(): void {}

  /** The message of a channel that comes behind the last, in words. */
  nameOf(channel: number): string {
    const key = [...this.#channels].find(([, number]) => number === channel)![0];
    const [from, to] = [Math.floor(key / 2 ** 26), Math.floor(key / 2 ** 8) % 2 ** 18];
    return `message ${this.sends[channel]! + 1} from rank ${from} to rank ${to}`;
  }

  #run(nanoseconds: number): void {
    if (nanoseconds > 0) this.#line(RUN, 0, 0, nanoseconds);
  }
  #send(from: Rank, to: Rank, tag: number, size: Bytes): void {
    const link = linkBetween(this.machine, from, to);
    const channel = this.#channel(from, to, tag);
    this.sent[from]! += size;
    const pushed = later(instantZero, pushTime(size, link));
    const kind = link === this.machine.links.scaleUp ? SEND_NEAR : SEND_FAR;
    this.#line(kind, channel, this.sends[channel]!++, pushed);
  }
  #line(kind: number, channel: number, ordinal: number, time = 0): void {
    this.kinds.push(kind);
    this.channels.push(channel);
    this.ordinals.push(ordinal);
    this.times.push(time);
  }
  #channel(from: Rank, to: Rank, tag: number): number {
    const key = (from * 2 ** 18 + to) * 2 ** 8 + tag;
    let channel = this.#channels.get(key);
    if (channel === undefined) {
      channel = this.sends.push(0) - 1;
      this.receives.push(0);
      this.#channels.set(key, channel);
    }
    return channel;
  }
}

/** Plays the programs of so many ranks, of which `programOf` makes one each. */
export const messageCrowd = (
  ranks: number,
  programOf: (self: Rank) => Program<unknown>,
  machine: Machine,
): MessageCourse => {
  const scribe = new Scribe(machine, ranks);
  const starts = new Int32Array(ranks + 1);
  for (let self = 0; self < ranks; self++) {
    new Strand(scribe, rank(self), null, programOf(rank(self))).resume(undefined);
    starts[self + 1] = scribe.kinds.count;
  }
  const firsts = new Int32Array(scribe.sends.length + 1);
  for (const [channel, count] of scribe.sends.entries()) {
    firsts[channel + 1] = firsts[channel]! + count;
    if (scribe.receives[channel]! > count) throw new Error(`deadlock: ${scribe.nameOf(channel)} is never sent`);
  }
  return { ends: played(scribe, { starts, firsts }), messages: firsts.at(-1)!, sent: scribe.sent };
};

const NOBODY = -1;

/** When each rank is done. `starts`: by rank, its first line; `firsts`: by channel, its first message. */
const played = (
  { kinds, channels, ordinals, times, machine }: Scribe,
  { starts, firsts }: { readonly starts: Int32Array; readonly firsts: Int32Array },
): Float64Array => {
  const ranks = starts.length - 1;
  const [kind, channel, ordinal] = [kinds.values, channels.values, ordinals.values];
  const time = times.values;
  const [near, far] = [machine.links.scaleUp, machine.links.nic].map(({ latency }) => later(instantZero, latency));
  const lines = starts.slice(0, ranks);
  const ends = new Float64Array(ranks);
  const free = [new Float64Array(ranks), new Float64Array(ranks)] as const;
  const arrivals = new Float64Array(firsts.at(-1)!).fill(NOBODY);
  const readers = new Int32Array(arrivals.length).fill(NOBODY);
  const ready = Int32Array.from({ length: ranks }, (_, index) => ranks - 1 - index);
  let count = ranks;
  while (count > 0) {
    const self = ready[--count]!;
    let at = ends[self]!;
    let line = lines[self]!;
    const end = starts[self + 1]!;
    for (; line < end; line++) {
      if (kind[line] === RUN) {
        at += time[line]!;
        continue;
      }
      const message = firsts[channel[line]!]! + ordinal[line]!;
      if (kind[line] === RECEIVE) {
        const arrival = arrivals[message]!;
        if (arrival === NOBODY) {
          readers[message] = self;
          break;
        }
        if (arrival > at) at = arrival;
        continue;
      }
      const isNear = kind[line] === SEND_NEAR;
      const lane = isNear ? free[0] : free[1];
      const gone = Math.max(at, lane[self]!) + time[line]!;
      lane[self] = gone;
      arrivals[message] = gone + (isNear ? near! : far!);
      if (readers[message] !== NOBODY) ready[count++] = readers[message]!;
    }
    lines[self] = line;
    ends[self] = at;
  }
  const stuck = lines.findIndex((line, self) => line < starts[self + 1]!);
  if (stuck !== -1) throw new Error(`deadlock: rank ${stuck} waits for a message that nobody sends`);
  return ends;
};
