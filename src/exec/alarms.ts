/** Strands that sleep, and when they want to be woken. */
import type { Instant } from '../units/quantity.ts';

interface Alarm {
  readonly at: Instant;
  readonly act: () => void;
}

/** Few at a time: a sorted list, those of one instant in the order in which they were set. */
export class Alarms {
  #alarms: readonly Alarm[] = [];

  set(at: Instant, act: () => void): void {
    this.#alarms = [...this.#alarms, { at, act }].toSorted((a, b) => a.at - b.at);
  }
  /** When the next one goes off. */
  get next(): Instant | null {
    return this.#alarms[0]?.at ?? null;
  }
  /** Takes those that have gone off by now. */
  due(now: Instant): readonly (() => void)[] {
    const acts = this.#alarms.filter(({ at }) => at <= now).map(({ act }) => act);
    this.#alarms = this.#alarms.slice(acts.length);
    return acts;
  }
}
