/** What each rank can do one of at a time: compute, push along an axis, copy to its host. */
import type { Rank } from '../units/identity.ts';
import type { Instant, Seconds } from '../units/quantity.ts';
import { instantZero, later, latest } from '../units/quantity.ts';
import type { Cores } from './cores.ts';

export interface Reserved {
  readonly start: Instant;
  readonly end: Instant;
}

export class Lanes {
  readonly #free = new Map<string, Instant>();
  /** What ranks that share them compute on; null where each rank is a processor of its own. */
  readonly #cores: Cores | null;

  constructor(cores: Cores | null) {
    this.#cores = cores;
  }

  /** So much of the rank's lane from `at` on, behind what it is already busy with. */
  reserve(rank: Rank, lane: string, { at, duration }: { at: Instant; duration: Seconds }): Reserved {
    const name = `${rank} ${lane}`;
    const cores = lane === 'compute' ? this.#cores : null;
    const free = latest(this.#free.get(name) ?? instantZero, cores?.freeAt(rank) ?? instantZero);
    const start = latest(at, free);
    const end = later(start, duration);
    this.#free.set(name, end);
    cores?.occupy(rank, end);
    return { start, end };
  }
}
