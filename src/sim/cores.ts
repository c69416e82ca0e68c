/**
 * Processor cores that ranks share as threads: whatever a rank computes takes the core that is free first, to its end.
 * Operations take turns here where an operating system would slice them; both leave no core idle while a rank has work.
 */
import type { Rank } from '../units/identity.ts';
import type { Instant } from '../units/quantity.ts';
import { instantZero } from '../units/quantity.ts';

export class Cores {
  readonly #count: number;
  readonly #ranksPerNode: number;
  /** By node, when each of its cores is free again. */
  readonly #free = new Map<number, Instant[]>();

  constructor(count: number, ranksPerNode: number) {
    this.#count = count;
    this.#ranksPerNode = ranksPerNode;
  }

  /** When a core of the rank's node is free. */
  freeAt(rank: Rank): Instant {
    const free = this.#of(rank);
    return free[firstOf(free)]!;
  }
  /** The core that was free first is busy until then. */
  occupy(rank: Rank, end: Instant): void {
    const free = this.#of(rank);
    free[firstOf(free)] = end;
  }

  #of(rank: Rank): Instant[] {
    const node = Math.floor(rank / this.#ranksPerNode);
    let free = this.#free.get(node);
    if (free === undefined) this.#free.set(node, (free = Array<Instant>(this.#count).fill(instantZero)));
    return free;
  }
}

const firstOf = (free: readonly Instant[]): number =>
  free.reduce((first, at, index) => (at < free[first]! ? index : first), 0);
