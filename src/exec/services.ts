/** What a rank's world asks of the run around it: files, randomness, the clock, and whoever watches. */
import type { Load, Observe, Store } from '../effects/effect.ts';
import type { Instant } from '../units/quantity.ts';

/** Each is done when it returns. Tensors lie in the rank's memory: see `operandOf`. */
export interface Services {
  /** Fills the tensor. */
  load(effect: Load): void;
  /** Writes the states as they are now. */
  store(effect: Store): void;
  /** Shows it to whoever watches, who may have had enough. */
  observe(effect: Observe): 'go on' | 'stop';
  /** What the tensor holds, to be logged; or what a log says that it held, where a run is replayed. */
  route(found: readonly number[]): readonly number[];
  /** The next number of that stream, from 0 (included) to 1 (excluded). */
  draw(stream: string): number;
  /** Nanoseconds since the run began. */
  now(): Instant;
}
