/** The pipeline schedules by name: in which order a stage runs its passes, and what may be said of it without running any. */
import type { ScheduleName } from '../../scenario/job.ts';
import { gpipe } from './gpipe.ts';
import { interleaved } from './interleaved.ts';
import { oneForwardOneBackward } from './one-forward-one-backward.ts';
import type { Pipeline, Schedule, Seat } from './pass-order.ts';
import type { Slot } from './slot.ts';
import { microbatchesMax } from './slot.ts';

/** The function from a seat to the ordered list that the stage runs. */
export const scheduleOf = (name: ScheduleName): ((seat: Seat) => readonly Slot[]) => BY_NAME[name].slots;

/** The largest number of (microbatch, model chunk) in flight on a stage: forward run, backward not. */
export const inFlightPeak = ({ name, ...seat }: Seat & { readonly name: ScheduleName }): number =>
  BY_NAME[name].inFlightPeak(seat);

/**
 * How many of the microbatches are enough to see all that a stage ever holds: its largest in-flight counts by model
 * chunk, during each kind of pass and first reached in the same slot, are those of the whole step.
 */
export const microbatchesToPeak = (name: ScheduleName, pipeline: Pipeline): number =>
  BY_NAME[name].microbatchesToPeak(pipeline);

/** Why a pipeline cannot run the schedule, or null if it can. */
export const scheduleRule = (name: ScheduleName, pipeline: Pipeline): string | null => {
  const broken = pipeline.microbatches > microbatchesMax ? tooMany(pipeline) : BY_NAME[name].rule(pipeline);
  return broken === null ? null : `schedule ${name} ${broken}`;
};

/**
 * The share of the step in which a stage waits, if all passes of a kind take equally long and messages take no time:
 * (p - 1) / (m v + p - 1) with p stages, m microbatches and v model chunks a stage, for all three schedules
 * (Huang et al. 2019; Narayanan et al. SC21). Beside the work rather than the step it is (p - 1) / (m v).
 */
export const bubbleFraction = ({ stages, microbatches, chunks }: Pipeline): number =>
  (stages - 1) / (microbatches * chunks + stages - 1);

const BY_NAME: Readonly<Record<ScheduleName, Schedule>> = {
  gpipe,
  '1f1b': oneForwardOneBackward,
  interleaved,
};

const tooMany = ({ microbatches }: Pipeline): string =>
  `needs ${microbatchesMax} or fewer microbatches, got ${microbatches}`;
