/**
 * The building stones of the schemas. One convention holds for all of them: the message of a schema is what was wanted,
 * as a noun phrase (`a whole number of at least 1`), or the known keys of a mapping; `issues.ts` makes sentences of it.
 */
import { z } from 'zod';
import type { Reading } from '../units/parse.ts';
import {
  parseBandwidth,
  parseBytes,
  parseCount,
  parseDollars,
  parseDollarsPerHour,
  parseDollarsPerJoule,
  parseFlopsPerSecond,
  parseRatio,
  parseSeconds,
  parseShare,
  parseWatts,
} from '../units/parse.ts';
import type { Figure } from './cluster.ts';
import { PROVENANCES } from './cluster.ts';

/** A mapping that accepts these keys and no others. */
export const closed = <Shape extends z.ZodRawShape>(
  shape: Shape,
  wanted = 'a mapping',
): z.ZodObject<Shape, z.core.$strict> =>
  z.strictObject(shape, {
    error: ({ code }) => (code === 'unrecognized_keys' ? Object.keys(shape).join(', ') : wanted),
  });

export const oneOf = <const Names extends readonly string[]>(
  names: Names,
): z.ZodEnum<{ [Name in Names[number]]: Name }> => z.enum(names, { error: `one of ${names.join(', ')}` });

export const flag = z.boolean({ error: 'true or false' });
export const words = z.string({ error: 'a text' }).min(1, { error: 'a text' });

/** A whole number from `min` up. Its `max` is beyond all that is built, for what takes the longer the larger it is. */
export const whole = (min: number, max: number = Number.MAX_SAFE_INTEGER): z.ZodNumber => {
  const error = `a whole number of at least ${min}`;
  const isTooBig = `a whole number of at most ${max}`;
  return z
    .int({ error: ({ code }) => (code === 'too_big' ? isTooBig : error) })
    .min(min, { error })
    .max(max, { error: isTooBig });
};

/** One value, or a list of different values to try: always a list afterwards. */
export const axis = <Value, Input>(value: z.ZodType<Value, Input>, wanted: string) =>
  z.union(
    [
      value.transform((one): readonly Value[] => [one]),
      z
        .array(value)
        .min(1, { error: `${wanted}, or a list of at least one such value` })
        .readonly()
        .superRefine(refuseTwins),
    ],
    { error: `${wanted}, or a list of such values` },
  );

/** A value to try that stands there twice would be tried, and counted, twice. */
const refuseTwins = (values: readonly unknown[], context: z.RefinementCtx<readonly unknown[]>): void => {
  const texts = values.map((value) => JSON.stringify(value));
  texts.forEach((text, index) => {
    if (texts.indexOf(text) === index) return;
    context.addIssue({ code: 'custom', message: 'is in the list already', path: [index] });
  });
};

/** A text read as a quantity, or refused with the nearest right one. */
export const quantity = <Value>(
  parse: (text: string | number) => Reading<Value>,
  examples: readonly (string | number)[],
) =>
  z
    .union([z.string(), z.number()], { error: `a quantity such as ${examples[0]}` })
    .transform((text, context): Value => {
      const reading = parse(text);
      if (reading.kind === 'value') return reading.value;
      context.addIssue({ code: 'custom', message: reading.message, params: { suggestion: reading.suggestion } });
      return z.NEVER;
    })
    .meta({ examples: [...examples] });

export const size = quantity(parseBytes, ['80GiB', '512GB']);
export const bandwidth = quantity(parseBandwidth, ['450GB/s', '400Gbps']);
export const speed = quantity(parseFlopsPerSecond, ['989TFLOPS']);
export const duration = quantity(parseSeconds, ['2us']);
export const hourlyPrice = quantity(parseDollarsPerHour, ['$2.50/h']);
export const money = quantity(parseDollars, ['$32000', '$32K']);
export const energyPrice = quantity(parseDollarsPerJoule, ['$0.08/kWh']);
export const power = quantity(parseWatts, ['700W', '120kW']);
export const share = quantity(parseShare, ['80%', 0.8]);
export const factor = quantity(parseRatio, [1.2, '120%']);
export const count = quantity(parseCount, ['300B', '15T', 1000]);

/** Where a bare figure comes from, as far as anyone knows. */
export const GIVEN = { from: 'assumed', source: 'given in the scenario' } as const;

/** A number with its origin; written bare it is assumed. */
export const figure = <Value extends number, Input>(value: z.ZodType<Value, Input>) =>
  z.union(
    [
      value.transform((bare): Figure<Value> => ({ value: bare, ...GIVEN })),
      closed({ value, from: oneOf(PROVENANCES), source: words }, 'a figure'),
    ],
    { error: 'a quantity, or a mapping of value, from and source' },
  );

export const wholeFigure = figure(whole(1, 1_000_000));
