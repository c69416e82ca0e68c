/** The JSON Schemas of what `--json` prints, generated from what fills it. */
import { z } from 'zod';
import { compareSchema } from './compare-json.ts';
import { differenceSchema } from './difference.ts';
import { crossPredictionSchema } from './cross-prediction.ts';
import { doctorSchema } from './doctor.ts';
import { fewestSchema } from './fewest-devices.ts';
import { jobTimeSchema } from './job-time-json.ts';
import { largestSchema } from './largest-model.ts';
import { planSchema } from './plan-json.ts';
import { runSchema } from './run-json.ts';
import { simulateSchema } from './simulate-json.ts';
import { sweepSchema } from './sweep.ts';
import { targetedSchema } from './target.ts';
import { traceSchema } from './trace-summary.ts';
import { validationSchema } from './validation-json.ts';
import { whyNotSchema } from './why-not.ts';

/** By file name in `schemas/`. */
export const reportSchemas = (): Readonly<Record<string, object>> => ({
  'plan.schema.json': published(planSchema),
  'plan-target.schema.json': published(targetedSchema),
  'plan-sweep.schema.json': published(sweepSchema),
  'plan-why-not.schema.json': published(whyNotSchema),
  'plan-min-gpus.schema.json': published(fewestSchema),
  'plan-max-model.schema.json': published(largestSchema),
  'plan-diff.schema.json': published(differenceSchema),
  'simulate.schema.json': published(simulateSchema),
  'job.schema.json': published(jobTimeSchema),
  'run.schema.json': published(runSchema),
  'compare.schema.json': published(compareSchema),
  'trace.schema.json': published(traceSchema),
  'validate.schema.json': published(validationSchema),
  'validate-reliability.schema.json': published(crossPredictionSchema),
  'doctor.schema.json': published(doctorSchema),
});

const published = (schema: z.ZodType): object => z.toJSONSchema(schema, { reused: 'ref' });
