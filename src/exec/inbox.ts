/** Letters that have arrived and strands that wait for some, matched by sender and tag, first come, first served. */
import type { Rank } from '../units/identity.ts';
import type { Arrival } from './transport.ts';

interface Channel<Reader> {
  readonly arrivals: Arrival[];
  readonly readers: Reader[];
}
/** A reader that takes what comes first. */
interface Choice<Reader> {
  readonly from: readonly Rank[];
  readonly tag: number;
  readonly reader: Reader;
}

export class Inbox<Reader> {
  readonly #channels = new Map<Rank, Map<number, Channel<Reader>>>();
  readonly #choices: Choice<Reader>[] = [];

  /** Leaves a letter; the answer is whoever was waiting for it, if somebody was. */
  put(arrival: Arrival): Reader | null {
    const { from, tag } = arrival;
    const channel = this.#at(from, tag);
    const reader = channel.readers.shift() ?? this.#chooser(from, tag);
    if (reader === null) channel.arrivals.push(arrival);
    else this.#tidy(from, tag, channel);
    return reader;
  }

  /** The next letter, or null: then `reader` waits for it. */
  take(from: Rank, tag: number, reader: Reader): Arrival | null {
    const channel = this.#at(from, tag);
    const arrival = channel.arrivals.shift();
    if (arrival === undefined) {
      channel.readers.push(reader);
      return null;
    }
    this.#tidy(from, tag, channel);
    return arrival;
  }

  /** A letter from any of the ranks, or null: then `reader` waits for the first. */
  takeAny(from: readonly Rank[], tag: number, reader: Reader): Arrival | null {
    const sender = from.find((each) => (this.#channels.get(each)?.get(tag)?.arrivals.length ?? 0) > 0);
    if (sender !== undefined) return this.take(sender, tag, reader);
    this.#choices.push({ from, tag, reader });
    return null;
  }

  /** All who wait. */
  get readers(): readonly Reader[] {
    const channels = [...this.#channels.values()].flatMap((tags) => [...tags.values()]);
    return [...channels.flatMap(({ readers }) => readers), ...this.#choices.map(({ reader }) => reader)];
  }

  #chooser(from: Rank, tag: number): Reader | null {
    const index = this.#choices.findIndex((choice) => choice.tag === tag && choice.from.includes(from));
    return index === -1 ? null : this.#choices.splice(index, 1)[0]!.reader;
  }
  #at(from: Rank, tag: number): Channel<Reader> {
    let tags = this.#channels.get(from);
    if (tags === undefined) this.#channels.set(from, (tags = new Map()));
    let channel = tags.get(tag);
    if (channel === undefined) tags.set(tag, (channel = { arrivals: [], readers: [] }));
    return channel;
  }
  #tidy(from: Rank, tag: number, { arrivals, readers }: Channel<Reader>): void {
    if (arrivals.length === 0 && readers.length === 0) this.#channels.get(from)?.delete(tag);
  }
}
