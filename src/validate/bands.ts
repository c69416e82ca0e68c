/** How far published runs lay from their predictions: the error band that a prediction of the same class carries. */
import { z } from 'zod';
import type { Job } from '../scenario/job.ts';
import { jobClassOf } from './job-class.ts';
import { quantile } from './summary.ts';
import type { GradedRow } from './validation.ts';

const factor = z.number().positive();

const bandSchema = z.strictObject({
  class: z.string(),
  rows: z.int().min(1),
  /** Measured / predicted: the 5th percentile, or the least of fewer than 20 rows. */
  low: factor,
  median: factor,
  /** The 95th percentile, or the largest of fewer than 20 rows. */
  high: factor,
  /** Predicted / measured - 1, as `validate` prints errors. */
  median_error: z.number(),
});
export type Band = z.infer<typeof bandSchema>;

/** The file that ships beside the rows, made from them: a plan must not wait until all of them are predicted anew. */
export const bandsFileSchema = z.strictObject({
  schema: z.literal('angel-sim.bands/1'),
  /** Step times of tiers A and B, over all classes. */
  rows: z.int().min(0),
  classes: z.array(bandSchema),
});
export type BandsFile = z.infer<typeof bandsFileSchema>;

/** From here on single runs no longer decide how wide a band is. */
const ROWS_FOR_PERCENTILES = 20;
const TAIL = 0.05;

/** Percentiles are of measured / predicted, so that a band times a prediction is where the real step lay. */
export const bandsOf = (graded: readonly GradedRow[]): BandsFile => {
  const counted = graded.flatMap((row) => (counts(row) && row.error !== null ? [{ ...row, error: row.error }] : []));
  const names = [...new Set(counted.map(({ jobClass }) => jobClass ?? ''))].sort();
  return {
    schema: 'angel-sim.bands/1',
    rows: counted.length,
    classes: names.map((name) => ({
      class: name,
      ...spreadOf(counted.filter(({ jobClass }) => jobClass === name).map(({ error }) => error)),
    })),
  };
};

/** Rows of tier C leave open too much to say how far off a prediction is; other metrics have no class. */
const counts = ({ jobClass, tier }: GradedRow): boolean => jobClass !== null && (tier === 'A' || tier === 'B');

const spreadOf = (errors: readonly number[]): Omit<Band, 'class'> => {
  const factors = errors.map((error) => 1 / (1 + error)).sort((a, b) => a - b);
  const tail = factors.length < ROWS_FOR_PERCENTILES ? 0 : TAIL;
  return {
    rows: factors.length,
    low: at(factors, tail),
    median: at(factors, 0.5),
    high: at(factors, 1 - tail),
    median_error: at(
      errors.toSorted((a, b) => a - b),
      0.5,
    ),
  };
};

const at = (sorted: readonly number[], share: number): number => {
  const value = quantile(sorted, share);
  if (value === null) throw new RangeError('a band needs at least one row, got none');
  return value;
};

/** Null when no published run of the job's class is in the set: then nobody knows how far off the prediction is. */
export const bandFor = (job: Job, { classes }: BandsFile): Band | null => {
  const name = jobClassOf(job);
  return classes.find((band) => band.class === name) ?? null;
};

/** True when the band leaves out the twentieth of the runs at each end. */
export const isPercentile = ({ rows }: Band): boolean => rows >= ROWS_FOR_PERCENTILES;
