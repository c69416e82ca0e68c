/** How good the predictions are: by class, by band and in all, the figures that are looked for first at the very end. */
import { formatChange, formatInteger, formatPercent } from '../units/format.ts';
import { bandsOf } from '../validate/bands.ts';
import type { GradedRow, Metric, Summary } from '../validate/validation.ts';
import { METRICS } from '../validate/validation.ts';
import { factorsText, factorText } from './band.ts';
import type { Paint } from './paint.ts';
import { left, right, table } from './table.ts';

export const METRIC_NAMES: Readonly<Record<Metric, string>> = { step_s: 'step', memory_bytes: 'memory', oom: 'oom' };

/** A table a metric, a block a class in it. */
export const classTables = (summaries: readonly Summary[], paint: Paint): readonly (readonly string[])[] =>
  METRICS.flatMap((metric) => {
    const ofMetric = summaries.filter((summary) => summary.metric === metric && summary.by !== 'all');
    if (ofMetric.length === 0) return [];
    const cells = ofMetric.map((summary, index) => [
      ofMetric[index - 1]?.by === summary.by ? '' : summary.by,
      summary.name,
      ...statistics(summary),
    ]);
    return [titled(table([left(METRIC_NAMES[metric]), left('of'), ...titlesOf(metric)], cells), paint)];
  });

/** The last word: a line a metric. A verdict is right or wrong, and has no size of error. */
export const totals = (
  { rows, summary }: { readonly rows: readonly GradedRow[]; readonly summary: readonly Summary[] },
  paint: Paint,
): readonly string[] => {
  const all = summary.filter(({ by }) => by === 'all');
  const sized = all.filter(({ metric }) => metric !== 'oom');
  const cells = sized.map((one) => [METRIC_NAMES[one.metric], ...statistics(one)]);
  return [
    ...(cells.length === 0 ? [] : titled(table([left('in all'), ...titlesOf('step_s')], cells), paint)),
    ...all.filter(({ metric }) => metric === 'oom').map((one) => verdictLine(one, rows)),
  ];
};

/** What a prediction of each class is worth: the interval of measured / predicted steps. */
export const bandTable = (rows: readonly GradedRow[], paint: Paint): readonly string[] => {
  const { classes } = bandsOf(rows);
  if (classes.length === 0) return [];
  const cells = classes.map((band) => [
    band.class,
    formatInteger(band.rows),
    factorsText(band),
    factorText(band.median),
    formatChange(band.median_error),
  ]);
  const titles = ['rows', 'measured / predicted', 'median', 'median error'].map(right);
  return titled(table([left('band of step times (tiers A, B)'), ...titles], cells), paint);
};

const titled = ([head = '', ...body]: readonly string[], paint: Paint): readonly string[] => [
  paint('title', head),
  ...body,
];

const titlesOf = (metric: Metric) =>
  (metric === 'oom' ? ['covered', 'wrong'] : ['covered', 'MAPE', 'median', 'bias', 'p90']).map(right);

const statistics = ({ metric, count, covered, mape, median, bias, p90 }: Summary): readonly string[] => [
  `${formatInteger(covered)} of ${formatInteger(count)}`,
  ...(metric === 'oom'
    ? [shareText(mape)]
    : [shareText(mape), shareText(median), bias === null ? '-' : formatChange(bias), shareText(p90)]),
];

const verdictLine = ({ count, covered }: Summary, rows: readonly GradedRow[]): string => {
  const errors = rows.flatMap(({ metric, error }) => (metric === 'oom' && error !== null ? [error] : []));
  const [right = 0, alarms = 0, missed = 0] = [0, 1, -1].map((kind) => errors.filter((error) => error === kind).length);
  return (
    `out of memory  ${formatInteger(covered)} of ${formatInteger(count)} verdicts covered: ` +
    `${formatInteger(right)} right, ${formatInteger(alarms)} false alarms, ${formatInteger(missed)} missed`
  );
};

const shareText = (share: number | null): string => (share === null ? '-' : formatPercent(share));
