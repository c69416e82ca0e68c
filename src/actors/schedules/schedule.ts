/** The pipeline schedules by name: in which order a stage runs its passes, and what may be said of it without running any. */
import type { ScheduleName } from '../../scenario/job.ts';
import { dualPipe } from './dual-pipe.ts';
import { gpipe } from './gpipe.ts';
import { interleaved } from './interleaved.ts';
import { oneForwardOneBackward } from './one-forward-one-backward.ts';
import type { PassTimes, Pipeline, Schedule, Seat } from './pass-order.ts';
import { microbatchesThrough, placementOf } from './placement.ts';
import { chunksMax, microbatchesMax } from './slot.ts';
import { zeroBubbleH1 } from './zero-bubble-h1.ts';
import { zeroBubbleV } from './zero-bubble-v.ts';

export const scheduleNamed = (name: ScheduleName): Schedule => BY_NAME[name];

/** True when backward passes may leave the weights' gradients to a pass of their own. */
export const splitsBackward = (name: ScheduleName): boolean => BY_NAME[name].splitsBackward;

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
  const broken = tooMany(pipeline) ?? BY_NAME[name].rule(pipeline);
  return broken === null ? null : `schedule ${name} ${broken}`;
};

/** Passes of each kind that a stage runs: one for every microbatch through every model chunk that it goes through. */
export const passCount = (name: ScheduleName, { microbatches, chunks }: Pipeline): number => {
  let count = 0;
  for (let chunk = 0; chunk < chunks; chunk++) {
    const { start, end } = microbatchesThrough(placementOf(name), chunk, microbatches);
    count += end - start;
  }
  return count;
};

/**
 * The share of the time from a stage's first pass to its last in which it waits, if all passes of a kind take equally long
 * and messages take no time: published bubble / (bubble + work). Null where none was published for such times.
 * GPipe, 1F1B and interleaved 1F1B: (p - 1) / (m v + p - 1) with p stages, m microbatches and v model chunks a stage
 * (Huang et al. 2019; Narayanan et al. SC21). The others' forms stand in their files.
 */
export const bubbleFraction = (name: ScheduleName, pipeline: Pipeline, times: PassTimes): number | null => {
  const bubble = BY_NAME[name].bubble(pipeline, times);
  if (bubble === null) return null;
  const work = passCount(name, pipeline) * (times.forward + times.backward + times.weight);
  return bubble / (bubble + work);
};

const BY_NAME: Readonly<Record<ScheduleName, Schedule>> = {
  gpipe,
  '1f1b': oneForwardOneBackward,
  interleaved,
  'zb-h1': zeroBubbleH1,
  'zb-v': zeroBubbleV,
  dualpipe: dualPipe,
};

const tooMany = ({ microbatches, chunks }: Pipeline): string | null => {
  if (microbatches > microbatchesMax) return `needs ${microbatchesMax} or fewer microbatches, got ${microbatches}`;
  return chunks > chunksMax ? `needs ${chunksMax} or fewer model chunks a stage, got ${chunks}` : null;
};
