/** `validate --json`: one entry a metric of a row, and the summaries; `error` is predicted / measured - 1. */
import { z } from 'zod';
import type { GradedRow, Summary, Validation } from '../validate/validation.ts';
import { CLASSES, METRICS } from '../validate/validation.ts';

const metric = z.enum(METRICS).meta({
  description: 'the unit of predicted and measured is in the name; oom is 1 (out of memory) or 0',
});
const share = z.number().nullable();

const rowSchema = z.strictObject({
  id: z.string(),
  metric,
  covered: z.boolean(),
  reason: z.string().optional().meta({ description: 'why the row is not covered; only there when it is not' }),
  assumed: z.array(z.string()).meta({ description: 'defaults that filled fields the row leaves open' }),
  predicted: z.number().nullable(),
  measured: z.number().nullable(),
  error: share.meta({ description: 'predicted / measured - 1; for oom 0 when right, 1 a false alarm, -1 a miss' }),
});

const summarySchema = z.strictObject({
  by: z.enum(CLASSES),
  name: z.string(),
  metric,
  count: z.int().min(0),
  covered: z.int().min(0),
  mape: share,
  median: share.meta({ description: 'of the absolute errors' }),
  bias: share.meta({ description: 'mean of the signed errors' }),
  p90: share.meta({ description: '90th percentile of the absolute errors' }),
});

export const validationSchema = z
  .strictObject({
    schema: z.literal('angel-sim.validate/1'),
    rows: z.array(rowSchema),
    summary: z.array(summarySchema),
  })
  .meta({ title: 'angel-sim validate', description: 'What `angel-sim validate --json` prints.' });

export const validationJson = ({ rows, summary }: Validation): z.infer<typeof validationSchema> => ({
  schema: 'angel-sim.validate/1',
  rows: rows.map(rowJson),
  summary: summary.map(summaryJson),
});

const rowJson = (row: GradedRow): z.infer<typeof rowSchema> => ({
  id: row.id,
  metric: row.metric,
  covered: row.covered,
  ...(row.reason === null ? {} : { reason: row.reason }),
  assumed: [...row.assumed],
  predicted: row.predicted,
  measured: row.measured,
  error: row.error,
});

const summaryJson = (summary: Summary): z.infer<typeof summarySchema> => ({
  by: summary.by,
  name: summary.name,
  metric: summary.metric,
  count: summary.count,
  covered: summary.covered,
  mape: summary.mape,
  median: summary.median,
  bias: summary.bias,
  p90: summary.p90,
});
