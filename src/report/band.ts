/** How far a prediction may be off: what published runs of its class did beside theirs. It corrects no figure. */
import { z } from 'zod';
import type { Candidate, Range } from '../plan/plan.ts';
import { formatDollars, formatDuration, formatInteger, formatSeconds } from '../units/format.ts';
import { times } from '../units/quantity.ts';
import type { Dollars } from '../units/quantity.ts';
import type { Band, BandsFile } from '../validate/bands.ts';
import { bandFor, isPercentile } from '../validate/bands.ts';
import { jobClassOf } from '../validate/job-class.ts';

const factor = z.number().positive();

export const bandSchema = z
  .strictObject({
    class: z.string().meta({ description: 'card generation and number format' }),
    rows: z.int().min(1).meta({ description: 'published runs of the class in the validation set' }),
    low: factor.meta({ description: 'the 5th percentile; below 20 rows the least' }),
    median: factor,
    high: factor.meta({ description: 'the 95th percentile; below 20 rows the largest' }),
  })
  .nullable()
  .meta({ description: 'measured / predicted step of published runs; null: none of this class, so not validated' });

export const bandJson = ({ job }: Candidate, bands: BandsFile): z.infer<typeof bandSchema> => {
  const band = bandFor(job, bands);
  if (band === null) return null;
  const { class: name, rows, low, median, high } = band;
  return { class: name, rows, low, median, high };
};

/** The band in words, and what it makes of the predicted step. */
export const bandText = ({ job, evaluation: { step } }: Candidate, bands: BandsFile): string => {
  const band = bandFor(job, bands);
  const name = jobClassOf(job);
  if (band === null)
    return `no published run of this class (${name}) in the validation set: treat the prediction as unvalidated`;
  return (
    `${isPercentile(band) ? 'nine in ten ' : ''}published runs on ${name} took ${factorsText(band)} times the ` +
    `predicted step (median ${factorText(band.median)}, ${countText(band.rows)}): ${formatSeconds(step)} means ` +
    `${formatSeconds(times(step, band.low))} to ${formatSeconds(times(step, band.high))}`
  );
};

export const factorText = (value: number): string => value.toFixed(2);
export const factorsText = ({ low, high }: Band): string => `${factorText(low)} to ${factorText(high)}`;
const countText = (rows: number): string => (rows === 1 ? '1 row' : `${formatInteger(rows)} rows`);

type Run = NonNullable<Candidate['outlook']['run']>;

/** ` (15.6 days to 22.0 days in the band)`, to stand after the predicted time; nothing without a band. */
export const timeInBand = ({ time }: Run, band: Band | null): string =>
  band === null
    ? ''
    : ` (${formatDuration(times(time, band.low))} to ${formatDuration(times(time, band.high))} in the band)`;

/** From the lowest price of the shortest run to the highest price of the longest. */
export const dollarsInBand = ({ low, high }: Range<Dollars>, band: Band | null): string =>
  band === null
    ? ''
    : ` (${formatDollars(times(low, band.low))} to ${formatDollars(times(high, band.high))} in the band)`;
