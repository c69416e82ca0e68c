/** Which candidates are worth keeping: those that no other beats in time, dollars, headroom and cards at once, and the fastest. */
import { priceOf } from './outlook.ts';
import type { Breadth } from '../scenario/scenario.ts';
import type { Candidate } from './plan.ts';

/** What a layout must beat, as numbers. */
export interface Incumbent {
  readonly step: number;
  readonly price: number;
  readonly headroom: number;
  readonly devices: number;
}

/** Layouts whose step is up to this many times the best one's may be on the front; a planner has no use for slower ones. */
export const SLOWEST = 1.5;
/** The fastest layouts are all simulated, on the front or not: the winner's runners-up. */
export const FASTEST = 6;

export const incumbentOf = (candidate: Candidate): Incumbent => ({
  step: candidate.evaluation.step,
  price: priceOf(candidate),
  headroom: candidate.outlook.memory.headroom,
  devices: candidate.job.devices,
});

/** How many of the fastest must be found, and by what factor a layout on the front must be faster than what it beats. */
interface Care {
  readonly fastest: number;
  readonly factor: number;
}
/** Among millions of layouts there are thousands like the winner: it is found all the same, its likes only as they come. */
const CARE: Readonly<Record<Breadth, Care>> = {
  usual: { fastest: FASTEST, factor: 1 },
  whole: { fastest: 1, factor: 1.03 },
};

/**
 * True when a layout can be neither among the fastest of its number of devices nor on the front, even if it is as good as
 * `least` says. `incumbents` are sorted by their steps.
 */
export const cannotWin = (least: Incumbent, incumbents: readonly Incumbent[], search: Breadth): boolean => {
  const { fastest, factor } = CARE[search];
  const slower = { ...least, step: least.step * factor, price: least.price * factor };
  let faster = 0;
  let isBeaten = false;
  for (const incumbent of incumbents) {
    if (incumbent.devices !== least.devices) continue;
    if (incumbent.step > slower.step) return false;
    if (faster === 0 && incumbent.step > least.step) return false;
    if (faster === 0 && least.step > SLOWEST * incumbent.step) isBeaten = true;
    isBeaten ||= dominates(incumbent, slower);
    if (incumbent.step <= least.step) faster++;
    if (faster >= fastest && isBeaten) return true;
  }
  return false;
};

/** As good in everything; of equals the earlier one stays. */
const dominates = (one: Incumbent, other: Incumbent): boolean =>
  one.step <= other.step && one.price <= other.price && one.headroom >= other.headroom && one.devices <= other.devices;

/** Of each number of devices those worth a search's memory, fastest first; `candidates` are sorted so. */
export const worthKeeping = (candidates: readonly Candidate[]): readonly Incumbent[] => {
  const kept: Incumbent[] = [];
  const counts = new Map<number, number>();
  for (const own of candidates.map(incumbentOf)) {
    const rank = counts.get(own.devices) ?? 0;
    counts.set(own.devices, rank + 1);
    const same = kept.filter(({ devices }) => devices === own.devices);
    if (rank < FASTEST || !same.some((other) => dominates(other, own))) kept.push(own);
  }
  return kept;
};

/** The candidates that no other one beats, fastest first; `candidates` are sorted so. */
export const frontOf = (candidates: readonly Candidate[]): readonly Candidate[] => {
  const front: Candidate[] = [];
  const fastest = new Map<number, number>();
  for (const candidate of candidates) {
    const own = incumbentOf(candidate);
    const best = fastest.get(own.devices) ?? own.step;
    fastest.set(own.devices, best);
    if (own.step > SLOWEST * best) continue;
    if (!front.some((other) => dominates(incumbentOf(other), own))) front.push(candidate);
  }
  return front;
};
