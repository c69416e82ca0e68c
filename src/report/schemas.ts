/** The JSON Schemas of what `--json` prints, generated from what fills it. */
import { z } from 'zod';
import { doctorSchema } from './doctor.ts';
import { planSchema } from './plan-json.ts';
import { simulateSchema } from './simulate-json.ts';
import { validationSchema } from './validation-json.ts';

/** By file name in `schemas/`. */
export const reportSchemas = (): Readonly<Record<string, object>> => ({
  'plan.schema.json': published(planSchema),
  'simulate.schema.json': published(simulateSchema),
  'validate.schema.json': published(validationSchema),
  'doctor.schema.json': published(doctorSchema),
});

const published = (schema: z.ZodType): object => z.toJSONSchema(schema, { reused: 'ref' });
