/** How ranks exchange messages: what a way of carrying them must offer, whether over shared memory or between hosts. */
import type { Axis } from '../effects/group.ts';
import type { Rank } from '../units/identity.ts';

/** A message to another rank: bytes of this rank's memory, which stay where they are until they are read. */
export interface Letter {
  readonly to: Rank;
  readonly axis: Axis;
  readonly tag: number;
  readonly at: number;
  readonly size: number;
}
/** A letter under way. Whoever sent it may not touch its bytes before it is read or detached. */
export interface Posted {
  /** How many letters went the same way before it. */
  readonly number: number;
  isRead(): boolean;
  /**
   * Parts the letter from its bytes: unless it has been read by now, `copy` writes them elsewhere in this rank's memory
   * and says where; those must be left alone until it is read.
   */
  detach(copy: () => number): void;
}
/** A letter that is here and not yet read. */
export interface Arrival {
  readonly from: Rank;
  readonly axis: Axis;
  readonly tag: number;
  readonly size: number;
  /** How many letters came the same way before it. */
  readonly number: number;
}

/** One rank's access to the others. Letters of one rank to another arrive in the order in which they were posted. */
export interface Transport {
  readonly rank: Rank;
  /** Null when there is no room: then the bell rings when there is. */
  post(letter: Letter): Posted | null;
  /** The next letter that has arrived since the last call, from whomever. */
  take(): Arrival | null;
  /** Copies the letter's bytes to `into` in this rank's memory. Letters may be read in any order, each once. */
  read(arrival: Arrival, into: number): void;
  /** Changes when a letter arrives, when there is room again, and when another rank ends. */
  bell(): number;
  /**
   * Waits until the bell is no longer at `bell`, which must have been read before all else was found to be done; or for
   * `limit` milliseconds, where something else will happen then. `stuck`: nobody is left who could ever ring it.
   */
  wait(bell: number, limit: number | null): 'rung' | 'late' | 'stuck';
  /** This rank posts nothing more. */
  end(): void;
}

/** Thrown in a rank that is told to stop because another one failed. */
export class Stopped extends Error {
  override readonly name = 'Stopped';
}
