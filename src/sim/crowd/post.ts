/** Carries the messages of ranks: pushed one behind another on each rank's lanes, and kept until they are asked for. */
import { instantZero, later } from '../../units/quantity.ts';
import type { Machine } from '../machine.ts';
import type { Crowd, Wires } from './crowd.ts';
import { pick } from './crowd.ts';
import type { Parts } from './parts.ts';

/** Where there is no strand, or no arrival yet. */
export const NOBODY = -1;

/** A message that waits for its lane. */
interface Queued {
  readonly rank: number;
  readonly line: number;
  readonly at: number;
}

interface Pushed {
  readonly track: number;
  readonly rank: number;
  readonly line: number;
}

export interface PostOffice {
  readonly parts: Parts;
  readonly crowd: Crowd;
  readonly links: Machine['links'];
  /** Null: messages are in nobody's way. */
  readonly wires: Wires | null;
  /** By rank, its first letter; behind the last rank their number. */
  readonly firstLetter: Int32Array;
  /** The letter that a strand waited for is there. */
  readonly wake: (strand: number) => void;
}

export class Post {
  readonly #office: PostOffice;
  readonly #near: number;
  readonly #far: number;
  /** By rank and lane: when it is free again. */
  readonly #free: Float64Array;
  /** By lane: messages that wait for the one in front, which the wires have; absent where they have none. */
  readonly #queues = new Map<number, Queued[]>();
  /** By letter: when it arrives, and which strand waits for it. */
  readonly #arrival: Float64Array;
  readonly #reader: Int32Array;

  constructor(office: PostOffice) {
    const { parts, crowd, links, firstLetter } = office;
    this.#office = office;
    this.#near = later(instantZero, links.scaleUp.latency);
    this.#far = later(instantZero, links.nic.latency);
    this.#free = new Float64Array(crowd.devices * parts.lanes.length);
    const letters = firstLetter[crowd.devices]!;
    this.#arrival = new Float64Array(letters).fill(NOBODY);
    this.#reader = new Int32Array(letters).fill(NOBODY);
  }

  /** When the letter arrives; `NOBODY` if that is not known, and `reader` is woken once it is. */
  arrival(letter: number, reader: number): number {
    const arrival = this.#arrival[letter]!;
    if (arrival === NOBODY) this.#reader[letter] = reader;
    return arrival;
  }

  send(rank: number, line: number, at: number): void {
    const { lane, lanes } = this.#office.parts;
    const track = rank * lanes.length + lane[line]!;
    const queue = this.#queues.get(track);
    if (queue === undefined) this.#push(track, rank, line, at);
    else queue.push({ rank, line, at });
  }
  #push(track: number, rank: number, line: number, at: number): void {
    const { a, nanoseconds, far } = this.#office.parts;
    const { domains, noise } = this.#office.crowd;
    const peer = rank + a[line]!;
    const begun = Math.max(at, this.#free[track]!);
    const isNear = domains[rank] === domains[peer];
    const alone = isNear ? nanoseconds[line]! : far[line]!;
    const size = noise === null ? alone : Math.round(alone * pick(noise.network, rank, line));
    if (isNear) this.#pushed({ track, rank, line }, begun + size, this.#near);
    else if (this.#office.wires === null) this.#pushed({ track, rank, line }, begun + size, this.#far);
    else {
      this.#queues.set(track, []);
      this.#office.wires.send({ from: rank, to: peer }, size, begun, (gone) => {
        this.#pushed({ track, rank, line }, gone, this.#far);
        this.#pushQueued(track);
      });
    }
  }
  /** Those that can go now: up to the next one that the wires take. */
  #pushQueued(track: number): void {
    const queued = this.#queues.get(track)!;
    this.#queues.delete(track);
    for (const [index, { rank, line, at }] of queued.entries()) {
      this.#push(track, rank, line, at);
      const queue = this.#queues.get(track);
      if (queue === undefined) continue;
      queue.push(...queued.slice(index + 1));
      return;
    }
  }
  /** The message has left, and is there when the link's latency has passed. */
  #pushed({ track, rank, line }: Pushed, gone: number, latency: number): void {
    const { parts, firstLetter, wake } = this.#office;
    this.#free[track] = gone;
    const letter = firstLetter[rank + parts.a[line]!]! + parts.b[line]!;
    this.#arrival[letter] = gone + latency;
    const reader = this.#reader[letter]!;
    if (reader === NOBODY) return;
    this.#reader[letter] = NOBODY;
    wake(reader);
  }
}
