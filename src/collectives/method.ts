/** What every collective algorithm brings along: its message program, and the formulas that say what the program costs. */
import type { Combination, Program } from '../effects/effect.ts';
import type { Rank } from '../units/identity.ts';
import type { Bytes, Seconds } from '../units/quantity.ts';
import type { Links } from './link-rate.ts';
import type { Payload } from './payload.ts';

export interface Method {
  /** What rank `self` does. */
  readonly program: (effect: Combination, self: Rank) => Program<void>;
  /**
   * When the last rank is done, all having started together on an idle fabric. Every segment counts as long as the
   * longest; the additions are free, for a link's bandwidth is measured with them.
   */
  readonly time: (payload: Payload, links: Links) => Seconds;
  /** What the rank at `position` of the group sends, to the byte. */
  readonly sentBytes: (payload: Payload, position: number) => Bytes;
  /** What the program allocates on each rank, from its start to its end. */
  readonly scratchBytes: (payload: Payload) => Bytes;
}
