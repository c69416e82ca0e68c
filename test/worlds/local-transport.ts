/** Letters between ranks that live in one thread and take turns: for tests, and to look at them one step at a time. */
import type { Rank } from '../../src/units/identity.ts';
import { rank } from '../../src/units/identity.ts';
import type { SharedMemory } from '../../src/exec/shared-memory.ts';
import type { Arrival, Letter, Posted, Transport } from '../../src/exec/transport.ts';

class LocalLetter implements Posted, Arrival {
  readonly from: Rank;
  readonly axis: Letter['axis'];
  readonly tag: number;
  readonly size: number;
  readonly number: number;
  at: number;
  #isRead = false;

  constructor(from: Rank, { axis, tag, at, size }: Letter, number: number) {
    this.from = from;
    this.axis = axis;
    this.tag = tag;
    this.size = size;
    this.number = number;
    this.at = at;
  }
  isRead(): boolean {
    return this.#isRead;
  }
  detach(copy: () => number): void {
    if (!this.#isRead) this.at = copy();
  }
  /** Where the bytes are; from now on they may change. */
  open(): number {
    this.#isRead = true;
    return this.at;
  }
}

/** What the ranks of a thread share: a queue each, and a bell. */
interface Office {
  readonly memories: readonly SharedMemory[];
  readonly queues: readonly LocalLetter[][];
  readonly bells: number[];
  /** Letters of each rank to each other one. */
  readonly counts: readonly number[][];
}

/** One transport a rank, for ranks with these memories. */
export const localTransports = (memories: readonly SharedMemory[]): readonly Transport[] => {
  const office: Office = {
    memories,
    queues: memories.map(() => []),
    bells: memories.map(() => 0),
    counts: memories.map(() => memories.map(() => 0)),
  };
  return memories.map((_, index) => transportOf(rank(index), office));
};

const transportOf = (self: Rank, { memories, queues, bells, counts }: Office): Transport => {
  const bytesOf = (rank: Rank, at: number, size: number): Uint8Array =>
    new Uint8Array(memories[rank]!.buffer, at, size);
  return {
    rank: self,
    post: (letter) => {
      const sent = new LocalLetter(self, letter, counts[self]![letter.to]!++);
      queues[letter.to]!.push(sent);
      bells[letter.to]!++;
      return sent;
    },
    take: () => queues[self]!.shift() ?? null,
    read: (arrival, into) => {
      if (!(arrival instanceof LocalLetter)) throw new TypeError(`letter ${arrival.number} came another way`);
      const { from, size } = arrival;
      bytesOf(self, into, size).set(bytesOf(from, arrival.open(), size));
    },
    bell: () => bells[self]!,
    // Nobody else can ring while this one waits.
    wait: (bell, limit) => {
      if (bells[self] !== bell) return 'rung';
      if (limit === null) return 'stuck';
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, limit);
      return 'late';
    },
    end: () => bells.forEach((_, rank) => bells[rank]!++),
  };
};
