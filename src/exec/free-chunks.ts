/** The free runs of bytes of an arena, filed by size, so that the smallest that fits is found without a look at the others. */

/** Every chunk begins and ends at a multiple of this: a cache line. */
export const ALIGNMENT = 64;

/** A run of bytes, held or free, between the two that it borders on. */
export interface Chunk {
  start: number;
  size: number;
  isFree: boolean;
  before: Chunk | null;
  behind: Chunk | null;
}

/** Bins that a power of two is cut into. */
const PER_POWER = 16;
const POWER_BITS = 4;
/** 4 GiB in units of the alignment. */
const UNITS_BITS = 26;
const BINS = (UNITS_BITS - POWER_BITS + 2) * PER_POWER;

/**
 * Bins of sizes that grow by a sixteenth, with one bit each that says whether they hold anything (Masmano, Ripoll, Crespo
 * and Real, ECRTS 2004). All that a bin holds is smaller than all that the next one does, so that the smallest chunk which
 * fits lies in the first bin where one does; within a bin the lowest of equal chunks is taken.
 */
export class FreeChunks {
  readonly #bins: Chunk[][] = Array.from({ length: BINS }, () => []);
  readonly #filled = new Uint32Array(BINS / 32);
  #total = 0;
  #count = 0;

  get total(): number {
    return this.#total;
  }
  get count(): number {
    return this.#count;
  }

  add(chunk: Chunk): void {
    const index = binOf(chunk.size);
    this.#bins[index]!.push(chunk);
    this.#filled[index >> 5]! |= 1 << (index & 31);
    chunk.isFree = true;
    this.#total += chunk.size;
    this.#count++;
  }

  remove(chunk: Chunk): void {
    const index = binOf(chunk.size);
    const bin = this.#bins[index]!;
    const last = bin.pop()!;
    if (last !== chunk) bin[bin.indexOf(chunk)] = last;
    if (bin.length === 0) this.#filled[index >> 5]! &= ~(1 << (index & 31));
    chunk.isFree = false;
    this.#total -= chunk.size;
    this.#count--;
  }

  /** The smallest that holds `size` bytes, still filed; null if none does. */
  find(size: number): Chunk | null {
    for (let index = this.#nextFilled(binOf(size)); index !== null; index = this.#nextFilled(index + 1)) {
      const found = smallest(this.#bins[index]!, size);
      if (found !== null) return found;
    }
    return null;
  }

  #nextFilled(from: number): number | null {
    let mask = -1 << (from & 31);
    for (let word = from >> 5; word < this.#filled.length; word++) {
      const bits = this.#filled[word]! & mask;
      if (bits !== 0) return word * 32 + 31 - Math.clz32(bits & -bits);
      mask = -1;
    }
    return null;
  }
}

const smallest = (bin: readonly Chunk[], size: number): Chunk | null => {
  let found: Chunk | null = null;
  for (const chunk of bin) if (chunk.size >= size && (found === null || precedes(chunk, found))) found = chunk;
  return found;
};
const precedes = (a: Chunk, b: Chunk): boolean => a.size < b.size || (a.size === b.size && a.start < b.start);

const binOf = (size: number): number => {
  const units = size / ALIGNMENT;
  if (units < PER_POWER) return units;
  const power = 31 - Math.clz32(units);
  return (power - POWER_BITS + 1) * PER_POWER + ((units >> (power - POWER_BITS)) & (PER_POWER - 1));
};
