/** What a simulated world is given beside the machine and the programs. */
import type { Trace } from '../effects/trace.ts';
import type { Rank } from '../units/identity.ts';
import type { Instant, Seconds } from '../units/quantity.ts';

/** Something that happens to a card in the middle of a step. */
export interface Incident {
  readonly at: Instant;
  readonly rank: Rank;
  readonly event: 'degrade' | 'fail';
}
/** What happens to cards, and what it costs them: how many times longer a slow card takes, how long a new one. */
export interface Conditions {
  readonly incidents: readonly Incident[];
  readonly slowdown: number;
  readonly restart: Seconds;
}

export interface Setting {
  readonly seed: number;
  readonly conditions: Conditions;
  readonly replayed?: Trace | null;
  /** The trace tells what each rank holds, and what each strand is in the middle of, as well. */
  readonly isDetailed?: boolean;
  /** A trace that grows past so many entries is given up. */
  readonly entriesMax?: number;
}

/** More happens than the trace has room for. */
export class TraceTooLong extends Error {
  override readonly name = 'TraceTooLong';
  readonly entriesMax: number;

  constructor(entriesMax: number) {
    super(`more than ${entriesMax} entries in a trace`);
    this.entriesMax = entriesMax;
  }
}
