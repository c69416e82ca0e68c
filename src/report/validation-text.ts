/** Predicted beside measured, row by row; what could not be graded and why; and how good the predictions are. */
import { formatBytes, formatChange, formatInteger, formatPercent, formatSeconds } from '../units/format.ts';
import { bytes, seconds } from '../units/quantity.ts';
import type { GradedRow, Metric, Summary, Validation } from '../validate/validation.ts';
import type { Paint } from './paint.ts';
import { left, right, table, wrap, PAGE_WIDTH } from './table.ts';

/** `worst`: list only that many of the covered rows, the largest errors first; null lists all in their order. */
export const validationText = (
  { rows, summary }: Validation,
  { worst, paint }: { readonly worst: number | null; readonly paint: Paint },
): string => {
  const covered = rows.filter((row) => row.covered);
  const open = rows.filter((row) => !row.covered);
  const shown = worst === null ? covered : worstFirst(covered).slice(0, worst);
  const paragraphs = [
    gradeTable(shown, worst === null ? 'row' : `worst ${shown.length} of ${covered.length} rows`, paint),
    openTable(open, paint),
    summaryTable(summary, paint),
    legend(rows),
  ];
  return `${paragraphs
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
};

const worstFirst = (rows: readonly GradedRow[]): readonly GradedRow[] =>
  rows.toSorted((a, b) => Math.abs(b.error ?? 0) - Math.abs(a.error ?? 0));

const gradeTable = (rows: readonly GradedRow[], title: string, paint: Paint): readonly string[] => {
  if (rows.length === 0) return [];
  const cells = rows.map((row) => [
    row.id,
    NAMES[row.metric],
    valueText(row.metric, row.predicted),
    valueText(row.metric, row.measured),
    row.metric === 'oom' ? verdictText(row.error) : errorText(row.error),
  ]);
  const titles = [left(title), left('metric'), right('predicted'), right('measured'), right('error')];
  const [head = '', ...body] = table(titles, cells);
  return [paint('title', head), ...body];
};

const openTable = (rows: readonly GradedRow[], paint: Paint): readonly string[] => {
  if (rows.length === 0) return [];
  const cells = rows.map((row) => [row.id, NAMES[row.metric], row.reason ?? '']);
  const [head = '', ...body] = table([left('not covered'), left('metric'), left('reason')], cells);
  return [paint('title', head), ...body];
};

const summaryTable = (summaries: readonly Summary[], paint: Paint): readonly string[] => {
  const cells = summaries.map((summary) => [
    summary.by,
    summary.name,
    NAMES[summary.metric],
    formatInteger(summary.count),
    formatInteger(summary.covered),
    ...[summary.mape, summary.median].map(shareText),
    errorText(summary.bias),
    shareText(summary.p90),
  ]);
  const titles = ['rows', 'covered', 'MAPE', 'median', 'bias', 'p90'].map(right);
  const [head = '', ...body] = table([left('by'), left('name'), left('metric'), ...titles], cells);
  return [paint('title', head), ...body];
};

const legend = (rows: readonly GradedRow[]): readonly string[] => {
  const covered = rows.filter((row) => row.covered).length;
  const filled = rows.filter((row) => row.covered && row.assumed.length > 0).length;
  return wrap(
    `${formatInteger(rows.length)} outcomes, ${formatInteger(covered)} covered; in ${formatInteger(filled)} of these ` +
      'a field that the source leaves open was filled by a stated default (--json names them). ' +
      'Predicted is the model, measured is the row; error = predicted / measured - 1; MAPE, median and p90 are of its absolute value.',
    PAGE_WIDTH,
  );
};

const NAMES: Readonly<Record<Metric, string>> = { step_s: 'step', memory_bytes: 'memory', oom: 'oom' };

const valueText = (metric: Metric, value: number | null): string => {
  if (value === null) return '-';
  switch (metric) {
    case 'step_s':
      return formatSeconds(seconds(value));
    case 'memory_bytes':
      return formatBytes(bytes(value));
    case 'oom':
      return value === 1 ? 'oom' : 'fits';
    default:
      return metric satisfies never;
  }
};

const verdictText = (error: number | null): string => {
  if (error === null) return '-';
  if (error === 0) return 'right';
  return error > 0 ? 'false alarm' : 'missed';
};

const errorText = (error: number | null): string => (error === null ? '-' : formatChange(error));
const shareText = (share: number | null): string => (share === null ? '-' : formatPercent(share));
