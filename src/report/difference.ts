/** `plan diff`: what two answers chose differently, and the term by which their steps differ. */
import { z } from 'zod';
import { PURPOSES } from '../memory/purpose.ts';
import type { Difference, Pair } from '../plan/difference.ts';
import { TERMS } from '../sim/evaluation.ts';
import { formatDollars, roundToSum, timeScaleFor } from '../units/format.ts';
import { dollars, seconds } from '../units/quantity.ts';
import { keyed } from './json.ts';
import { PURPOSE_LABELS } from './memory-table.ts';
import type { Paint } from './paint.ts';
import { pageOf } from './plan-text.ts';
import type { Row } from './table.ts';
import { left, right, table } from './table.ts';
import { TERM_LABELS } from './time-table.ts';

const pairSchema = z.strictObject({
  before: z.number().nullable(),
  after: z.number().nullable(),
  difference: z.number().nullable().meta({ description: 'after - before; null unless both are known' }),
});
const stagesSchema = z.strictObject({ before: z.int().min(0), after: z.int().min(0) });

export const differenceSchema = z
  .strictObject({
    schema: z.literal('angel-sim.plan-diff/1'),
    before: z.string(),
    after: z.string(),
    changes: z.array(z.strictObject({ key: z.string(), before: z.string().nullable(), after: z.string().nullable() })),
    busiest_stages: stagesSchema.meta({ description: 'whose terms are compared: the stages that wait least' }),
    step_ns: pairSchema,
    terms_ns: z
      .strictObject(keyed(TERMS, () => pairSchema))
      .meta({ description: 'their differences add up to the difference of the steps' }),
    worst_stages: stagesSchema.meta({ description: 'whose memory is compared: the stages that hold most' }),
    peak_bytes: pairSchema,
    memory_bytes: z.strictObject(keyed(PURPOSES, () => pairSchema)),
    days: pairSchema,
    dollars_low: pairSchema,
    dollars_high: pairSchema,
  })
  .meta({ title: 'angel-sim plan diff', description: 'What `angel-sim plan diff --json` prints.' });

/** The files that were compared. */
export interface Names {
  readonly before: string;
  readonly after: string;
}

export const differenceJson = (difference: Difference, names: Names): z.infer<typeof differenceSchema> => ({
  schema: 'angel-sim.plan-diff/1',
  before: names.before,
  after: names.after,
  changes: difference.changes.map(({ key, before, after }) => ({ key, before, after })),
  busiest_stages: { before: difference.stages.before, after: difference.stages.after },
  step_ns: pairJson(difference.step),
  terms_ns: keyed(TERMS, (term) => pairJson(difference.terms[term])),
  worst_stages: { before: difference.worst.before, after: difference.worst.after },
  peak_bytes: pairJson(difference.peak),
  memory_bytes: keyed(PURPOSES, (purpose) => pairJson(difference.memory[purpose])),
  days: pairJson(difference.days),
  dollars_low: pairJson(difference.dollarsLow),
  dollars_high: pairJson(difference.dollarsHigh),
});

const pairJson = ({ before, after, difference }: Pair): z.infer<typeof pairSchema> => ({ before, after, difference });

export const differenceText = (difference: Difference, names: Names, paint: Paint): string =>
  pageOf([
    [`before  ${names.before}`, `after   ${names.after}`],
    difference.changes.length === 0
      ? ['Both answer the same question with the same layout.']
      : changes(difference, paint),
    timeTable(difference, paint),
    memoryTable(difference, paint),
    billTable(difference, paint),
  ]);

const changes = ({ changes: all }: Difference, paint: Paint): readonly string[] => {
  const rows = all.map(({ key, before, after }) => [key, before ?? '-', after ?? '-']);
  return titled(paint, table([left('what differs'), left('before'), left('after')], rows));
};

const titled = (paint: Paint, [head = '', ...body]: readonly string[]): readonly string[] => [
  paint('title', head),
  ...body,
];

/** Each printed column adds up to its printed sum. */
const summed = (
  pairs: readonly (readonly [label: string, pair: Pair])[],
  { scale, digits, total }: { readonly scale: number; readonly digits: number; readonly total: string },
): readonly Row[] => {
  const column = (side: 'before' | 'after'): readonly number[] =>
    roundToSum(
      pairs.map(([, pair]) => (pair[side] ?? 0) / scale),
      digits,
    );
  const [before, after] = [column('before'), column('after')];
  const cells = (label: string, from: number, to: number): Row => [
    label,
    from.toFixed(digits),
    to.toFixed(digits),
    signed(to - from, digits),
  ];
  const rows = pairs.map(([label], index) => cells(label, before[index]!, after[index]!));
  const isSomething = (_row: Row, index: number): boolean => before[index] !== 0 || after[index] !== 0;
  return [...rows.filter(isSomething), cells(total, add(before), add(after))];
};

const signed = (value: number, digits: number): string => {
  const text = Math.abs(value).toFixed(digits);
  if (Number(text) === 0) return text;
  return `${value < 0 ? '-' : '+'}${text}`;
};
const add = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

const timeTable = ({ step, terms, stages }: Difference, paint: Paint): readonly string[] => {
  const { unit, size } = timeScaleFor(seconds(Math.max(step.before ?? 0, step.after ?? 0) / 1e9));
  const pairs = TERMS.map((term) => [TERM_LABELS[term], terms[term]] as const);
  const rows = summed(pairs, { scale: size * 1e9, digits: 3, total: 'step' });
  const [before, after] = [`stage ${stages.before}`, `stage ${stages.after}`];
  return titled(paint, table([left(`time (${unit})`), right(before), right(after), right('difference')], rows));
};

const memoryTable = ({ memory, worst }: Difference, paint: Paint): readonly string[] => {
  const pairs = PURPOSES.map((purpose) => [PURPOSE_LABELS[purpose], memory[purpose]] as const);
  const rows = summed(pairs, { scale: 2 ** 30, digits: 2, total: 'peak' });
  const [before, after] = [`stage ${worst.before}`, `stage ${worst.after}`];
  return titled(paint, table([left('memory (GiB)'), right(before), right(after), right('difference')], rows));
};

const billTable = ({ days, dollarsLow, dollarsHigh }: Difference, paint: Paint): readonly string[] => {
  const rows = [
    ['days', days, (value: number) => value.toFixed(2)] as const,
    ['dollars, low', dollarsLow, inDollars] as const,
    ['dollars, high', dollarsHigh, inDollars] as const,
  ].flatMap(([label, pair, format]): readonly Row[] =>
    pair.before === null && pair.after === null ? [] : [billRow(label, pair, format)],
  );
  if (rows.length === 0) return [];
  return titled(paint, table([left('run'), right('before'), right('after'), right('difference')], rows));
};

const inDollars = (value: number): string => formatDollars(dollars(value));

const billRow = (label: string, { before, after, difference }: Pair, format: (value: number) => string): Row => [
  label,
  before === null ? '-' : format(before),
  after === null ? '-' : format(after),
  difference === null ? '-' : `${difference < 0 ? '-' : '+'}${format(Math.abs(difference))}`,
];
