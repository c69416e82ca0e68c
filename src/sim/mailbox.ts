/** Messages on their way between ranks, matched by sender, receiver and tag. */
import type { Strand } from '../effects/program.ts';
import type { Rank } from '../units/identity.ts';
import type { Instant } from '../units/quantity.ts';

interface Channel<State> {
  readonly arrivals: Instant[];
  readonly readers: Strand<State>[];
}

export class Mailbox<State> {
  /** By pair of ranks, then by tag. */
  readonly #pairs = new Map<number, Map<number, Channel<State>>>();

  /** Leaves a message; the answer is the strand that was waiting for it, if one was. */
  put(path: Path, arrival: Instant): Strand<State> | null {
    const channel = this.#at(path);
    const reader = channel.readers.shift();
    if (reader !== undefined) {
      this.#tidy(path, channel);
      return reader;
    }
    channel.arrivals.push(arrival);
    return null;
  }

  /** When the next message arrived, or null: then `reader` waits for it. */
  take(path: Path, reader: Strand<State>): Instant | null {
    const channel = this.#at(path);
    const arrival = channel.arrivals.shift();
    if (arrival === undefined) {
      channel.readers.push(reader);
      return null;
    }
    this.#tidy(path, channel);
    return arrival;
  }

  /** True when a message is there. */
  holds({ from, to, tag }: Path): boolean {
    return (this.#pairs.get(pairOf(from, to))?.get(tag)?.arrivals.length ?? 0) > 0;
  }

  #at({ from, to, tag }: Path): Channel<State> {
    const pair = pairOf(from, to);
    let tags = this.#pairs.get(pair);
    if (tags === undefined) this.#pairs.set(pair, (tags = new Map()));
    let channel = tags.get(tag);
    if (channel === undefined) tags.set(tag, (channel = { arrivals: [], readers: [] }));
    return channel;
  }
  #tidy({ from, to, tag }: Path, { arrivals, readers }: Channel<State>): void {
    if (arrivals.length === 0 && readers.length === 0) this.#pairs.get(pairOf(from, to))?.delete(tag);
  }
}

export interface Path {
  readonly from: Rank;
  readonly to: Rank;
  readonly tag: number;
}
/** A number for each ordered pair of ranks below 2^26. */
const pairOf = (from: Rank, to: Rank): number => from * 2 ** 26 + to;
