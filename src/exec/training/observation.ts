/** What is heard of a job that trains, while it does. */
import { PROGRESS } from '../../actors/progress.ts';
import type { Phases } from '../../effects/phase.ts';
import { lossScale } from '../../model/precision.ts';
import type { Job } from '../../scenario/job.ts';
import type { Bytes, Instant } from '../../units/quantity.ts';

/** A report of the supervisor: every rank's numbers of a step, row by row. */
export interface Observation {
  readonly subject: 'step' | 'validation';
  readonly step: number;
  readonly numbers: readonly number[];
  readonly at: Instant;
}

/** Blocks of a rank, scratch of its kernels included. */
export interface RankMemory {
  /** Now. */
  readonly held: Bytes;
  /** At most. */
  readonly peak: Bytes;
}
/** What a rank has used since its thread began: told beside the programs, which know nothing of time. */
export interface Spending {
  readonly phases: Phases;
  readonly memory: RankMemory;
}

/** What a thread tells the main thread. */
export type RankReport =
  | { readonly kind: 'backend'; readonly name: string }
  | { readonly kind: 'spent'; readonly spending: Spending }
  | { readonly kind: 'observed'; readonly observation: Observation }
  /** The checkpoint of that step is whole. */
  | { readonly kind: 'saved'; readonly step: number };

/** Sum over the ranks that have a head: a loss stands on each of its tensor ranks alike. */
const totalLoss = ({ layout, devices }: Job, numbers: readonly number[]): number => {
  const width = PROGRESS.length;
  let total = 0;
  for (let rank = 0; rank < devices; rank += layout.tp) total += numbers[rank * width + PROGRESS.indexOf('loss')]!;
  return total;
};

/** Mean loss of a token, in nats. */
export const lossOf = (job: Job, { subject, numbers }: Observation): number => {
  const { globalBatch, sequence } = job.workload;
  const batches = subject === 'validation' ? (job.training.validation?.batches ?? 1) : 1;
  return totalLoss(job, numbers) / (batches * globalBatch * sequence);
};

/** Norm of all gradients before they were clipped; null where no rank knew it. */
export const gradientNormOf = (job: Job, { numbers }: Observation): number | null => {
  const scale = lossScale(job.precision);
  const isKnown = job.training.clip !== null || scale !== 1 || job.devices === 1;
  return isKnown ? Math.sqrt(numbers[PROGRESS.indexOf('squares')]!) / scale : null;
};

/**
 * What the gradients of a step were multiplied by, 1 where they were left alone; 0: they were not finite, and the step was
 * left out. All ranks have the same one.
 */
export const gradientFactorOf = (job: Job, { numbers }: Observation): number =>
  numbers[PROGRESS.indexOf('factor')]! * lossScale(job.precision);
