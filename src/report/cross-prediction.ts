/** What the failure rates of each published source predict of the others, beside what these published. */
import { z } from 'zod';
import { formatChange, formatPercent } from '../units/format.ts';
import type { CrossPrediction, CrossPredictions } from '../validate/cross-prediction.ts';
import { SOURCES } from '../validate/cross-prediction.ts';
import type { Paint } from './paint.ts';
import { left, PAGE_WIDTH, right, table, wrap } from './table.ts';

const number = z.number().min(0);

export const crossPredictionSchema = z
  .strictObject({
    schema: z.literal('angel-sim.validate-reliability/1'),
    rows: z.array(
      z.strictObject({
        from: z.enum(SOURCES).meta({ description: 'whose rates predict' }),
        of: z.enum(SOURCES).meta({ description: 'whose figure is predicted' }),
        what: z.string(),
        unit: z.enum(['failures', 'hours', 'share']),
        predicted: number,
        published: number,
        is_at_least: z.boolean().meta({ description: 'the source says at least so much' }),
        error: z.number().nullable().meta({ description: 'predicted / published - 1; null where a bound is met' }),
      }),
    ),
    median_factor: z.number().min(1).meta({ description: 'between different sources: 2 is twice too much or half' }),
    worst_factor: z.number().min(1),
  })
  .meta({ title: 'angel-sim validate --reliability', description: 'Failure rates of one source against others.' });

export const crossPredictionJson = ({
  rows,
  medianFactor,
  worstFactor,
}: CrossPredictions): z.infer<typeof crossPredictionSchema> => ({
  schema: 'angel-sim.validate-reliability/1',
  rows: rows.map(({ from, of, what, unit, predicted, published, isAtLeast, error }) => ({
    from,
    of,
    what,
    unit,
    predicted,
    published,
    is_at_least: isAtLeast,
    error,
  })),
  median_factor: medianFactor,
  worst_factor: worstFactor,
});

export const crossPredictionText = ({ rows, medianFactor, worstFactor }: CrossPredictions, paint: Paint): string => {
  const titles = [
    left('rates of'),
    left('predict of'),
    left(''),
    right('predicted'),
    right('published'),
    right('error'),
  ];
  const cells = rows.map((row) => [
    row.from,
    row.of,
    row.what,
    valueText(row, row.predicted),
    `${row.isAtLeast ? '>= ' : ''}${valueText(row, row.published)}`,
    row.error === null ? 'met' : formatChange(row.error),
  ]);
  const [head = '', ...body] = table(titles, cells);
  const words =
    `Between sources the median is off by a factor of ${medianFactor.toFixed(1)}, the worst by ${worstFactor.toFixed(1)}. ` +
    'They differ by more than chance: A100s of 2021 to 2023 against H100s of 2024, shared clusters against one job, and what ' +
    'counts as a failure. Where a source is held against itself, its mean times to failure count every end of a job, its ' +
    "node rate only failed nodes. OPT's restarts agree with Llama 3's rates by luck: they were mostly hardware, where " +
    'these rates have software.';
  return `${[paint('title', head), ...body, '', ...wrap(words, PAGE_WIDTH)].join('\n')}\n`;
};

const valueText = ({ unit }: CrossPrediction, value: number): string => {
  switch (unit) {
    case 'share':
      return formatPercent(value);
    case 'hours':
      return `${value < 10 ? value.toFixed(2) : value.toFixed(0)} h`;
    case 'failures':
      return value < 10 ? value.toFixed(2) : value.toFixed(0);
    default:
      return unit satisfies never;
  }
};
