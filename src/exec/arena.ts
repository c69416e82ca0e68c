/** A rank's memory: one WebAssembly memory that all threads see, cut into blocks; it grows on demand and never shrinks. */
import { formatBytes } from '../units/format.ts';
import { bytes } from '../units/quantity.ts';
import type { Chunk } from './free-chunks.ts';
import { ALIGNMENT, FreeChunks } from './free-chunks.ts';
import type { SharedMemory } from './shared-memory.ts';
import { PAGE } from './shared-memory.ts';

/** The first page belongs to the kernels: there lies what their modules keep beside their operands. */
const START = PAGE;
/** At least this share of what there is is added when the memory grows, so that it seldom does. */
const GROWTH = 1 / 8;

export class Arena {
  readonly memory: SharedMemory;
  readonly #free = new FreeChunks();
  readonly #held = new Map<number, Chunk>();
  #last: Chunk;
  #end: number;
  #bytes: Uint8Array;
  #heldBytes = 0;
  #peak = 0;

  /** Nothing else may allocate in `memory`. */
  constructor(memory: SharedMemory) {
    this.memory = memory;
    this.#bytes = new Uint8Array(memory.buffer);
    this.#end = this.#bytes.length;
    this.#last = { start: START, size: this.#end - START, isFree: true, before: null, behind: null };
    this.#free.add(this.#last);
  }

  /** Bytes in blocks now, rounded up to whole cache lines, and the most there ever were. */
  get held(): number {
    return this.#heldBytes;
  }
  get peak(): number {
    return this.#peak;
  }

  /** Where a new block of so many bytes starts: at a cache line, and nowhere else than any other block, even an empty one. */
  allocate(size: number): number {
    const whole = Math.max(ALIGNMENT, Math.ceil(size / ALIGNMENT) * ALIGNMENT);
    const chunk = this.#free.find(whole) ?? this.#grow(whole);
    this.#free.remove(chunk);
    this.#cut(chunk, whole);
    this.#held.set(chunk.start, chunk);
    this.#heldBytes += whole;
    this.#peak = Math.max(this.#peak, this.#heldBytes);
    return chunk.start;
  }

  release(at: number): void {
    const chunk = this.#held.get(at);
    if (chunk === undefined) throw new Error(`no block is held at ${at}, and none can be released there`);
    this.#held.delete(at);
    this.#heldBytes -= chunk.size;
    const { before, behind } = chunk;
    if (behind?.isFree === true) this.#absorb(chunk, behind);
    if (before?.isFree === true) this.#free.add(this.#absorb(before, chunk));
    else this.#free.add(chunk);
  }

  /** The bytes there, as they are and will be. */
  view(at: number, size: number): Uint8Array {
    if (at + size > this.#bytes.length) throw new RangeError(`bytes ${at} to ${at + size} of ${this.#bytes.length}`);
    return this.#bytes.subarray(at, at + size);
  }

  /** Leaves `size` bytes in the chunk and files the rest as free. */
  #cut(chunk: Chunk, size: number): void {
    if (chunk.size === size) return;
    const { start, behind } = chunk;
    const rest = { start: start + size, size: chunk.size - size, isFree: true, before: chunk, behind };
    if (behind === null) this.#last = rest;
    else behind.before = rest;
    chunk.behind = rest;
    chunk.size = size;
    this.#free.add(rest);
  }

  /** Makes one chunk of two neighbours, none of them filed as free when it returns. */
  #absorb(chunk: Chunk, next: Chunk): Chunk {
    if (chunk.isFree) this.#free.remove(chunk);
    if (next.isFree) this.#free.remove(next);
    chunk.size += next.size;
    chunk.behind = next.behind;
    if (next.behind === null) this.#last = chunk;
    else next.behind.before = chunk;
    return chunk;
  }

  /** A free chunk of at least `size` bytes at the end of a memory that is larger now. */
  #grow(size: number): Chunk {
    const missing = size - (this.#last.isFree ? this.#last.size : 0);
    const pages = Math.ceil(missing / PAGE);
    if (!this.#tryGrow(Math.max(pages, Math.ceil((GROWTH * this.#end) / PAGE))) && !this.#tryGrow(pages))
      throw new RangeError(this.#refusal(size));
    const { length } = (this.#bytes = new Uint8Array(this.memory.buffer));
    const added = { start: this.#end, size: length - this.#end, isFree: false, before: this.#last, behind: null };
    this.#end = length;
    this.#last.behind = added;
    const before = this.#last;
    this.#last = added;
    const chunk = before.isFree ? this.#absorb(before, added) : added;
    this.#free.add(chunk);
    return chunk;
  }
  #tryGrow(pages: number): boolean {
    try {
      this.memory.grow(pages);
      return true;
    } catch (error) {
      if (error instanceof RangeError) return false;
      throw error;
    }
  }
  #refusal(size: number): string {
    const [asked, held, free] = [size, this.#heldBytes, this.#free.total].map((each) => formatBytes(bytes(each)));
    const pieces = `${free} are free in ${this.#free.count} pieces`;
    return `a block of ${asked} does not fit: ${held} are held, ${pieces}, and the memory cannot grow from ${formatBytes(bytes(this.#end))}`;
  }
}
