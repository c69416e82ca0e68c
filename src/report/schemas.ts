/** The JSON Schemas of everything that `--json` prints, as shipped in schemas/. */
import { z } from 'zod';
import { doctorSchema } from './doctor.ts';
import { planSchema } from './plan-json.ts';
import { simulateSchema } from './simulate-json.ts';
import { validationSchema } from './validation-json.ts';

const SCHEMAS = { plan: planSchema, simulate: simulateSchema, validate: validationSchema, doctor: doctorSchema };

/** File name in schemas/ to JSON Schema (draft 2020-12). */
export const outputSchemas = (): Readonly<Record<string, object>> =>
  Object.fromEntries(
    Object.entries(SCHEMAS).map(([name, schema]) => [`${name}.schema.json`, z.toJSONSchema(schema, { reused: 'ref' })]),
  );
