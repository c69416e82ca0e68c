/** The words through which ranks that share memory meet: a bell for each of them, and a ring of slots for each pair. */

/** Words of a cache line: what two threads write at a time lies in two of them. */
const LINE = 16;
/** What stands in the first line: that all must stop at once, and that they are asked to come to an end. */
const [STOPPED, ASKED] = [0, 1];
/** What stands in a rank's line. */
const [BELL, AWAITED, ENDED, DOZES] = [0, 1, 2, 3];

/** What stands in a slot. */
export const STATE = 0;
export const AXIS = 1;
export const TAG = 2;
export const AT = 3;
export const SIZE = 4;

/** States of a slot. In the last two, one side waits for the other to be done with it. */
export const FREE = 0;
export const POSTED = 1;
export const READING = 2;
export const MOVING = 3;
export const READING_AWAITED = 4;
export const MOVING_AWAITED = 5;

export interface ControlShape {
  readonly ranks: number;
  /** Letters that one rank can have on their way to another. */
  readonly slots: number;
}

export const controlBlock = (shape: ControlShape): SharedArrayBuffer => {
  const pairs = shape.ranks ** 2 * pairWords(shape);
  return new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT * ((1 + shape.ranks) * LINE + pairs));
};
const pairWords = ({ slots }: ControlShape): number => (1 + slots) * LINE;

/** One thread's view of a control block. */
export class ControlBlock {
  readonly words: Int32Array;
  readonly shape: ControlShape;

  constructor(buffer: SharedArrayBuffer, shape: ControlShape) {
    this.words = new Int32Array(buffer);
    this.shape = shape;
  }

  get isStopped(): boolean {
    return Atomics.load(this.words, STOPPED) !== 0;
  }
  /** Tells every rank to stop, those that wait too. */
  stop(): void {
    Atomics.store(this.words, STOPPED, 1);
    for (let rank = 0; rank < this.shape.ranks; rank++) this.ring(rank);
  }

  get isAskedToEnd(): boolean {
    return Atomics.load(this.words, ASKED) !== 0;
  }
  askToEnd(): void {
    Atomics.store(this.words, ASKED, 1);
  }

  bell(rank: number): number {
    return Atomics.load(this.words, lineOf(rank) + BELL);
  }
  /** Wakes the rank if it sleeps. Its bell is rung before we look whether it does, and it looks in the other order. */
  ring(rank: number): void {
    const line = lineOf(rank);
    Atomics.add(this.words, line + BELL, 1);
    const sleeps = Atomics.load(this.words, line + AWAITED) !== 0 || Atomics.load(this.words, line + DOZES) !== 0;
    if (sleeps) Atomics.notify(this.words, line + BELL);
  }
  /** Sleeps until the rank's bell is not at `bell`; false if `limit` milliseconds have passed before that. */
  sleep(rank: number, bell: number, limit: number): boolean {
    return Atomics.wait(this.words, lineOf(rank) + BELL, bell, limit) !== 'timed-out';
  }

  /** While `bell` is not null the rank does nothing until its bell is no longer there. */
  await(rank: number, bell: number | null): void {
    Atomics.store(this.words, lineOf(rank) + AWAITED, bell === null ? 0 : awaitedAt(bell));
  }
  /** As `sleep`, for a rank that will go on by itself when the time has come: it does not wait for the others alone. */
  doze(rank: number, bell: number, limit: number): boolean {
    const line = lineOf(rank);
    Atomics.store(this.words, line + DOZES, 1);
    const isRung = this.sleep(rank, bell, limit);
    Atomics.store(this.words, line + DOZES, 0);
    return isRung;
  }
  end(rank: number): void {
    Atomics.store(this.words, lineOf(rank) + ENDED, 1);
    for (let other = 0; other < this.shape.ranks; other++) this.ring(other);
  }

  /**
   * True if no rank will ever ring again: each has ended or waits for its bell, and still does when we look a second
   * time, so that all of them did in between.
   */
  isStuck(): boolean {
    const bells = this.#bells();
    return (
      bells.every((bell, rank) => this.#rests(rank, bell)) && this.#bells().every((bell, rank) => bell === bells[rank])
    );
  }
  #bells(): number[] {
    return Array.from({ length: this.shape.ranks }, (_, rank) => this.bell(rank));
  }
  #rests(rank: number, bell: number): boolean {
    const line = lineOf(rank);
    return Atomics.load(this.words, line + ENDED) !== 0 || Atomics.load(this.words, line + AWAITED) === awaitedAt(bell);
  }

  /** Where the slots of a pair begin; a word ahead of them says that the sender waits for a free one. */
  slotsOf(from: number, to: number): number {
    return this.starvedOf(from, to) + LINE;
  }
  starvedOf(from: number, to: number): number {
    return (1 + this.shape.ranks) * LINE + (from * this.shape.ranks + to) * pairWords(this.shape);
  }
  slotAt(first: number, number: number): number {
    return first + (number % this.shape.slots) * LINE;
  }

  /** Slots that are not free: letters that nobody has read. */
  get unread(): number {
    const { ranks, slots } = this.shape;
    let count = 0;
    for (let pair = 0; pair < ranks ** 2; pair++) {
      const first = this.slotsOf(Math.floor(pair / ranks), pair % ranks);
      for (let slot = 0; slot < slots; slot++)
        if (Atomics.load(this.words, this.slotAt(first, slot) + STATE) !== FREE) count++;
    }
    return count;
  }
}

const lineOf = (rank: number): number => (1 + rank) * LINE;
/** Never 0. */
const awaitedAt = (bell: number): number => (bell === -1 ? 1 : bell + 1) | 0;
