/** What a schedule is; and the order that the plain ones share: a stage warms up, then goes forward and backward in turn. */
import type { Stage } from '../../units/identity.ts';
import type { Pass, Slot } from './slot.ts';

export interface Pipeline {
  readonly stages: number;
  readonly microbatches: number;
  /** Model chunks a stage. */
  readonly chunks: number;
}

/** A stage's place in its pipeline: all that its list depends on. */
export interface Seat extends Pipeline {
  readonly stage: Stage;
}

/** What one pass through one model chunk takes, in any unit of time; `backward` without the weights' gradients. */
export type PassTimes = Readonly<Record<Pass, number>>;

/** A schedule as pure functions of the seat, or of the pipeline where all its stages agree. */
export interface Schedule {
  /** True when the weights' gradients may have a pass of their own: the lists then have a weight pass for each backward. */
  readonly splitsBackward: boolean;
  /** The stage's list, in the order in which it runs it. */
  readonly slots: (seat: Seat) => readonly Slot[];
  /** The largest number of (microbatch, model chunk) whose forward was run and whose backward was not. */
  readonly inFlightPeak: (seat: Seat) => number;
  /** With more microbatches than these a stage has no more, and nothing else, in flight at any moment. */
  readonly microbatchesToPeak: (pipeline: Pipeline) => number;
  /** How long a stage waits between its first and its last pass, as published; null where nothing was. */
  readonly bubble: (pipeline: Pipeline, times: PassTimes) => number | null;
  /** Why the pipeline cannot run this schedule; null if it can. */
  readonly rule: (pipeline: Pipeline) => string | null;
}

/** The forwards of a stage, which are as many as its backwards, and those of them that come before any backward. */
export interface PassCounts {
  readonly forwards: number;
  readonly warmup: number;
}

export const orderPasses = (
  { forwards, warmup }: PassCounts,
  slotAt: (pass: 'forward' | 'backward', index: number) => Slot,
): readonly Slot[] => {
  const slots = new Array<Slot>(2 * forwards);
  let length = 0;
  let forward = 0;
  while (forward < warmup) slots[length++] = slotAt('forward', forward++);
  for (let backward = 0; backward < forwards; backward++) {
    if (forward < forwards) slots[length++] = slotAt('forward', forward++);
    slots[length++] = slotAt('backward', backward);
  }
  return slots;
};

/** A turn begins with its forward, so the peak is one above the warm-up unless no forward is left by then. */
export const peakOf = ({ forwards, warmup }: PassCounts): number => Math.min(warmup + 1, forwards);

/** The first microbatch passes p - 1 stages forward before the last stage has work, and p - 1 backward at the end. */
export const fillAndDrain = ({ stages }: Pipeline, { forward, backward, weight }: PassTimes): number =>
  (stages - 1) * (forward + backward + weight);

/** The rule of the schedules that know one model chunk a stage. */
export const oneChunkRule = ({ chunks }: Pipeline): string | null =>
  chunks === 1 ? null : `needs 1 model chunk a stage, got ${chunks}`;

export const twoStagesRule = ({ stages }: Pipeline): string | null =>
  stages >= 2 ? null : `needs 2 or more stages, got ${stages}`;

export const twoChunksRule = ({ chunks }: Pipeline): string | null =>
  chunks === 2 ? null : `needs 2 model chunks a stage, got ${chunks}`;
