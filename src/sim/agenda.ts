/** The events still to come, earliest first; events of one instant leave in the order they were added. */
import type { Instant } from '../units/quantity.ts';

interface Entry {
  readonly at: Instant;
  readonly sequence: number;
  readonly act: () => void;
}

const precedes = (a: Entry, b: Entry): boolean => a.at < b.at || (a.at === b.at && a.sequence < b.sequence);

/** A binary heap on (instant, sequence). */
export class Agenda {
  readonly #heap: Entry[] = [];
  #sequence = 0;

  add(at: Instant, act: () => void): void {
    const heap = this.#heap;
    let hole = heap.length;
    const entry = { at, sequence: this.#sequence++, act };
    heap.push(entry);
    while (hole > 0) {
      const parent = (hole - 1) >> 1;
      if (precedes(heap[parent]!, entry)) break;
      heap[hole] = heap[parent]!;
      hole = parent;
    }
    heap[hole] = entry;
  }

  /** The next event, taken off the agenda. */
  take(): Pick<Entry, 'at' | 'act'> | null {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined) return null;
    if (heap.length > 0) this.#sink(last);
    return first;
  }

  #sink(entry: Entry): void {
    const heap = this.#heap;
    let hole = 0;
    for (let child = 1; child < heap.length; child = 2 * hole + 1) {
      const right = child + 1;
      const least = right < heap.length && precedes(heap[right]!, heap[child]!) ? right : child;
      if (precedes(entry, heap[least]!)) break;
      heap[hole] = heap[least]!;
      hole = least;
    }
    heap[hole] = entry;
  }
}
