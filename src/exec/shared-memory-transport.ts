/** Letters between threads that see each other's memory: what travels is where the bytes lie, and the receiver copies them. */
import { AXES } from '../effects/group.ts';
import type { Rank } from '../units/identity.ts';
import { rank } from '../units/identity.ts';
import type { ControlBlock } from './control-block.ts';
import { AT, AXIS, FREE, POSTED, SIZE, STATE, TAG } from './control-block.ts';
import type { SharedMemory } from './shared-memory.ts';
import { isFree, moveSlot, readSlot } from './slots.ts';
import type { Arrival, Letter, Posted, Transport } from './transport.ts';
import { Stopped } from './transport.ts';

export interface SharedMemorySettings {
  /** Looks at the bell before a rank goes to sleep: only of use while each rank has a core of its own. */
  readonly spins: number;
  /** A sleep of so many milliseconds is counted as one too long: a wake-up may have been lost. */
  readonly sleepMax: number;
}
/** How long a rank was asleep at a time, in the worst case. */
export interface SleepCount {
  tooLong: number;
}

class SlotLetter implements Posted {
  readonly number: number;
  readonly #control: ControlBlock;
  readonly #slot: number;
  #isRead = false;

  constructor(control: ControlBlock, slot: number, number: number) {
    this.#control = control;
    this.#slot = slot;
    this.number = number;
  }
  isRead(): boolean {
    return (this.#isRead ||= isFree(this.#control, this.#slot));
  }
  /** Called when the slot is about to be used for another letter. */
  close(): void {
    this.#isRead = true;
  }
  detach(copy: () => number): void {
    if (!this.isRead()) moveSlot(this.#control, this.#slot, copy);
  }
}

/** What a rank knows of its letters to another one. */
interface Outgoing {
  count: number;
  readonly letters: (SlotLetter | null)[];
}
/** A letter in its slot; or, once the ring was getting full, its bytes in a buffer of the receiver. */
interface SlotArrival extends Arrival {
  kept: Uint8Array | null;
}
/** What a rank knows of the letters of another one, by their slots: those taken that still lie there. */
interface Incoming {
  count: number;
  /** No letter before this one lies in its slot. */
  oldest: number;
  readonly unread: (SlotArrival | null)[];
}

export class SharedMemoryTransport implements Transport {
  readonly rank: Rank;
  readonly sleeps: SleepCount = { tooLong: 0 };
  readonly #control: ControlBlock;
  readonly #memories: readonly SharedMemory[];
  readonly #bytes: Uint8Array[];
  readonly #settings: SharedMemorySettings;
  readonly #outgoing: Outgoing[];
  readonly #incoming: Incoming[];
  #turn = 0;

  /** One thread's access for `rank` to the memories of all, its own among them. */
  constructor(
    rank: Rank,
    control: ControlBlock,
    { memories, settings }: { memories: readonly SharedMemory[]; settings: SharedMemorySettings },
  ) {
    const { slots } = control.shape;
    this.rank = rank;
    this.#control = control;
    this.#memories = memories;
    this.#bytes = memories.map(({ buffer }) => new Uint8Array(buffer));
    this.#settings = settings;
    this.#outgoing = memories.map(() => ({ count: 0, letters: new Array<null>(slots).fill(null) }));
    this.#incoming = memories.map(() => ({ count: 0, oldest: 0, unread: new Array<null>(slots).fill(null) }));
  }

  post({ to, axis, tag, at, size }: Letter): Posted | null {
    const outgoing = this.#outgoing[to]!;
    const { words } = this.#control;
    const slot = this.#control.slotAt(this.#control.slotsOf(this.rank, to), outgoing.count);
    if (!this.#hasRoom(to, slot)) return null;
    words[slot + AXIS] = AXES.indexOf(axis);
    words[slot + TAG] = tag;
    words[slot + AT] = at;
    words[slot + SIZE] = size;
    Atomics.store(words, slot + STATE, POSTED);
    const letter = new SlotLetter(this.#control, slot, outgoing.count);
    const place = outgoing.count % this.#control.shape.slots;
    outgoing.letters[place]?.close();
    outgoing.letters[place] = letter;
    outgoing.count++;
    this.#control.ring(to);
    return letter;
  }
  /** We ask to be woken before we look a second time; the receiver frees the slot before it looks whether we asked. */
  #hasRoom(to: Rank, slot: number): boolean {
    if (isFree(this.#control, slot)) return true;
    Atomics.store(this.#control.words, this.#control.starvedOf(this.rank, to), 1);
    return isFree(this.#control, slot);
  }

  take(): Arrival | null {
    if (this.#control.isStopped) throw new Stopped('another rank failed');
    const { length } = this.#incoming;
    for (let looked = 0; looked < length; looked++) {
      const arrival = this.#takeFrom(rank(this.#turn));
      if (arrival !== null) return arrival;
      this.#turn = (this.#turn + 1) % length;
    }
    return null;
  }

  #takeFrom(from: Rank): Arrival | null {
    const incoming = this.#incoming[from]!;
    const { words, shape } = this.#control;
    const place = incoming.count % shape.slots;
    const slot = this.#slotOf(from, incoming.count);
    if (incoming.unread[place] !== null || Atomics.load(words, slot + STATE) === FREE) return null;
    const arrival: SlotArrival = {
      from,
      axis: AXES[words[slot + AXIS]!]!,
      tag: words[slot + TAG]!,
      size: words[slot + SIZE]! >>> 0,
      number: incoming.count++,
      kept: null,
    };
    incoming.unread[place] = arrival;
    return arrival;
  }

  /**
   * Frees half of the slots. Done whenever the rank is about to wait, for what it waits for may find no room behind
   * letters that are read late, or never; while it is busy, the sender had better wait than have its letters copied twice.
   */
  #keepOld(incoming: Incoming): void {
    const { slots } = this.#control.shape;
    for (; 2 * (incoming.count - incoming.oldest) > slots; incoming.oldest++) {
      const arrival = incoming.unread[incoming.oldest % slots];
      if (arrival === null || arrival === undefined) continue;
      const kept = new Uint8Array(arrival.size);
      this.#readInto(arrival, kept);
      arrival.kept = kept;
    }
  }

  read(arrival: SlotArrival, into: number): void {
    const target = this.#bytesOf(this.rank, into, arrival.size);
    if (arrival.kept === null) this.#readInto(arrival, target);
    else target.set(arrival.kept);
  }
  #readInto({ from, size, number }: SlotArrival, target: Uint8Array): void {
    readSlot(this.#control, this.#slotOf(from, number), (at) => target.set(this.#bytesOf(from, at, size)));
    this.#incoming[from]!.unread[number % this.#control.shape.slots] = null;
    const starved = this.#control.starvedOf(from, this.rank);
    if (Atomics.load(this.#control.words, starved) === 0) return;
    Atomics.store(this.#control.words, starved, 0);
    this.#control.ring(from);
  }

  bell(): number {
    return this.#control.bell(this.rank);
  }
  wait(bell: number, limit: number | null): 'rung' | 'late' | 'stuck' {
    for (const incoming of this.#incoming) this.#keepOld(incoming);
    for (let spin = 0; spin < this.#settings.spins; spin++) if (this.bell() !== bell) return 'rung';
    if (limit !== null) return this.#control.doze(this.rank, bell, limit) ? 'rung' : 'late';
    this.#control.await(this.rank, bell);
    try {
      if (this.#control.isStuck()) return 'stuck';
      while (!this.#control.sleep(this.rank, bell, this.#settings.sleepMax)) this.sleeps.tooLong++;
      return 'rung';
    } finally {
      this.#control.await(this.rank, null);
    }
  }
  end(): void {
    this.#control.end(this.rank);
  }

  #slotOf(from: Rank, number: number): number {
    return this.#control.slotAt(this.#control.slotsOf(from, this.rank), number);
  }
  /** Bytes of a rank's memory, which may have grown since we last looked. */
  #bytesOf(owner: Rank, at: number, size: number): Uint8Array {
    if (at + size > this.#bytes[owner]!.length) {
      this.#memories[owner]!.grow(0);
      this.#bytes[owner] = new Uint8Array(this.#memories[owner]!.buffer);
    }
    return this.#bytes[owner]!.subarray(at, at + size);
  }
}
