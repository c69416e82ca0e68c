/** Predicted beside measured, row by row; what could not be graded and why; and at the end how good the predictions are. */
import { formatBytes, formatChange, formatInteger, formatSeconds } from '../units/format.ts';
import { bytes, seconds } from '../units/quantity.ts';
import type { GradedRow, Metric, Validation } from '../validate/validation.ts';
import type { Paint } from './paint.ts';
import { left, right, table, wrap, PAGE_WIDTH } from './table.ts';
import { bandTable, classTables, METRIC_NAMES, totals } from './validation-summary.ts';

/** `worst`: list only that many of the covered rows, the largest errors first; null lists all in their order, 0 none. */
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
    ...classTables(summary, paint),
    bandTable(rows, paint),
    legend(rows),
    totals({ rows, summary }, paint),
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
    METRIC_NAMES[row.metric],
    valueText(row.metric, row.predicted),
    valueText(row.metric, row.measured),
    row.metric === 'oom' ? verdictText(row.error) : errorText(row.error),
  ]);
  const titles = [left(title), left('metric'), right('predicted'), right('measured'), right('error')];
  const [head = '', ...body] = table(titles, cells);
  return [paint('title', head), ...body];
};

const IDS_MAX = 3;

/** By reason, the most frequent first: what is missing from the program is of more use here than every row it fails. */
const openTable = (rows: readonly GradedRow[], paint: Paint): readonly string[] => {
  if (rows.length === 0) return [];
  const reasons = [...new Set(rows.map(({ reason }) => reason ?? ''))];
  const groups = reasons
    .map((reason) => ({ reason, members: rows.filter((row) => (row.reason ?? '') === reason) }))
    .sort((a, b) => b.members.length - a.members.length);
  const cells = groups.map(({ reason, members }) => [formatInteger(members.length), `${reason}: ${idsText(members)}`]);
  const [head = '', ...body] = table([right('not covered'), left('reason')], cells);
  return [paint('title', head), ...body];
};

const idsText = (rows: readonly GradedRow[]): string => {
  const ids = [...new Set(rows.map(({ id }) => id))];
  const more = ids.length - IDS_MAX;
  return ids.slice(0, IDS_MAX).join(', ') + (more > 0 ? ` and ${formatInteger(more)} more` : '');
};

const legend = (rows: readonly GradedRow[]): readonly string[] => {
  const covered = rows.filter((row) => row.covered).length;
  const filled = rows.filter((row) => row.covered && row.assumed.length > 0).length;
  return wrap(
    `${formatInteger(rows.length)} outcomes, ${formatInteger(covered)} covered; in ${formatInteger(filled)} of these ` +
      'a field that the source leaves open was filled by a stated default (--json names these, and every row). ' +
      'Predicted is the model, measured is the row; error = predicted / measured - 1; MAPE, median and p90 are of its absolute value.',
    PAGE_WIDTH,
  );
};

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
