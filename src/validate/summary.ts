/** How far off the predictions are, in all and by class: the error band that a prediction of that class carries. */
import type { Class, GradedRow, Summary } from './validation.ts';
import { CLASSES, METRICS } from './validation.ts';

/** In the order of the classes, within a class by metric and then by name. */
export const summarise = (rows: readonly GradedRow[]): readonly Summary[] =>
  CLASSES.flatMap((by) =>
    METRICS.flatMap((metric) => {
      const ofMetric = rows.filter((row) => row.metric === metric);
      const names = [...new Set(ofMetric.map((row) => nameOf(row, by)))].sort();
      return names.map((name) => ({
        by,
        name,
        metric,
        ...statisticsOf(ofMetric.filter((row) => nameOf(row, by) === name)),
      }));
    }),
  );

const nameOf = (row: GradedRow, by: Class): string => (by === 'all' ? 'all' : row[by]);

const statisticsOf = (rows: readonly GradedRow[]): Omit<Summary, 'by' | 'name' | 'metric'> => {
  const errors = rows.flatMap(({ error }) => (error === null ? [] : [error]));
  const sizes = errors.map(Math.abs).sort((a, b) => a - b);
  return {
    count: rows.length,
    covered: errors.length,
    mape: mean(sizes),
    median: quantile(sizes, 0.5),
    bias: mean(errors),
    p90: quantile(sizes, 0.9),
  };
};

const mean = (values: readonly number[]): number | null =>
  values.length === 0 ? null : values.reduce((total, value) => total + value, 0) / values.length;

/** By linear interpolation between the two nearest of the sorted values. */
export const quantile = (sorted: readonly number[], share: number): number | null => {
  const position = (sorted.length - 1) * share;
  const below = sorted[Math.floor(position)];
  const above = sorted[Math.ceil(position)];
  return below === undefined || above === undefined ? null : below + (above - below) * (position % 1);
};
