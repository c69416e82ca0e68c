/** The JSON Schemas that editors complete and check YAML with, generated from what the parser itself uses. */
import { z } from 'zod';
import { publishedClusterSchema, publishedModelSchema, publishedSchema } from './scenario-schema.ts';

/** By file name in `schemas/`. */
export const scenarioSchemas = (): Readonly<Record<string, object>> => ({
  'scenario.schema.json': published(publishedSchema, 'angel-sim scenario'),
  'model.schema.json': published(publishedModelSchema, 'angel-sim model'),
  'cluster.schema.json': published(publishedClusterSchema, 'angel-sim cluster'),
});

/** What may be written, before defaults and units are worked out. */
const published = (schema: z.ZodType, title: string): object => ({
  ...z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any', reused: 'ref' }),
  title,
});
