/** Which candidates are worth keeping: those that no other beats in time, dollars and headroom at once, and the fastest. */
import type { Seconds } from '../units/quantity.ts';
import { priceOf } from './outlook.ts';
import type { Candidate } from './plan.ts';

/** What a layout must beat, as numbers. */
export interface Incumbent {
  readonly step: Seconds;
  readonly price: number;
  readonly headroom: number;
}

/** Layouts whose step is up to this many times the best one's may be on the front; a planner has no use for slower ones. */
export const SLOWEST = 1.5;
/** The fastest layouts are all simulated, on the front or not: the winner's runners-up. */
export const FASTEST = 6;

export const incumbentOf = (candidate: Candidate): Incumbent => ({
  step: candidate.evaluation.step,
  price: priceOf(candidate),
  headroom: candidate.outlook.memory.headroom,
});

/** True when a layout can be neither among the fastest nor on the front, even if it is as fast as its bound says. */
export const cannotWin = (bound: Candidate, incumbents: readonly Incumbent[]): boolean => {
  const least = incumbentOf(bound);
  const faster = incumbents.filter(({ step }) => step <= least.step);
  if (faster.length < FASTEST) return false;
  const best = Math.min(...incumbents.map(({ step }) => step));
  return least.step > SLOWEST * best || faster.some((incumbent) => dominates(incumbent, least));
};

/** As good in everything; of equals the earlier one stays. */
const dominates = (one: Incumbent, other: Incumbent): boolean =>
  one.step <= other.step && one.price <= other.price && one.headroom >= other.headroom;

/** The candidates that no other one beats, fastest first; `candidates` are sorted so. */
export const frontOf = (candidates: readonly Candidate[]): readonly Candidate[] => {
  const front: Candidate[] = [];
  const slowest = SLOWEST * (candidates[0]?.evaluation.step ?? 0);
  for (const candidate of candidates) {
    if (candidate.evaluation.step > slowest) break;
    const own = incumbentOf(candidate);
    if (!front.some((other) => dominates(incumbentOf(other), own))) front.push(candidate);
  }
  return front;
};
