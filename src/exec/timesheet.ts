/** Where a rank's time goes, added up while it runs; whoever wants to know is told every so often, beside the programs. */
import type { Phases } from '../effects/phase.ts';
import { PHASES, phaseOf } from '../effects/phase.ts';
import type { Instant } from '../units/quantity.ts';
import { seconds } from '../units/quantity.ts';
import { totalRecord } from '../units/total-record.ts';

/** Nanoseconds from one telling to the next. */
const INTERVAL = 250e6;

export class Timesheet {
  readonly #now: () => Instant;
  readonly #tell: (phases: Phases) => void;
  readonly #spent = new Map(PHASES.map((phase) => [phase, 0]));
  readonly #start: Instant;
  #due: number;

  /** `tell` hears of all the time since now. */
  constructor(now: () => Instant, tell: (phases: Phases) => void) {
    this.#now = now;
    this.#tell = tell;
    this.#start = now();
    this.#due = this.#start;
  }

  /** Does something that keeps the lane busy. */
  span<Result>(lane: string, name: string, act: () => Result, _detail?: unknown): Result {
    const start = this.#now();
    const result = act();
    const end = this.#now();
    const phase = phaseOf({ lane, name });
    this.#spent.set(phase, this.#spent.get(phase)! + (end - start));
    if (end >= this.#due) {
      this.#due = end + INTERVAL;
      this.#tell(this.phases);
    }
    return result;
  }

  /** They add up to all the time since the sheet was begun. */
  get phases(): Phases {
    const busy = [...this.#spent.values()].reduce((total, time) => total + time, 0);
    const rest = Math.max(0, this.#now() - this.#start - busy);
    return totalRecord(PHASES, (phase) => seconds((phase === 'rest' ? rest : this.#spent.get(phase)!) / 1e9));
  }
}
