/** Scratch bytes of kernels, apart from the blocks of programs: a few that are reused by every operation. */
import type { Arena } from './arena.ts';

/** One region of the arena, which holds nothing from one operation to the next. */
export class Workspace {
  readonly #arena: Arena;
  #at: number | null = null;
  #size = 0;

  constructor(arena: Arena) {
    this.#arena = arena;
  }

  get size(): number {
    return this.#size;
  }

  /** Where at least `size` bytes may be written until the next call; it moves when it has to grow. */
  reserve(size: number): number {
    if (this.#at !== null && size <= this.#size) return this.#at;
    if (this.#at !== null) this.#arena.release(this.#at);
    this.#size = Math.max(size, 2 * this.#size);
    this.#at = this.#arena.allocate(this.#size);
    return this.#at;
  }
}
