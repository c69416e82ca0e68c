/** The loss of a run in a few lines of a terminal. */
import { formatInteger } from '../units/format.ts';
import type { StepRow } from './loss-csv.ts';

const LINES = 6;
/** An eighth of a line more each. */
const BLOCKS = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const LABEL_WIDTH = 8;

/** Columns of the mean loss of as many steps each, the highest value at the top; none for less than two steps. */
export const lossSketch = (rows: readonly StepRow[], width: number): readonly string[] => {
  const losses = rows.map(({ loss }) => loss).filter(Number.isFinite);
  const columns = means(losses, Math.min(width - LABEL_WIDTH, losses.length));
  if (columns.length < 2) return [];
  const [least, most] = [Math.min(...columns), Math.max(...columns)];
  const eighths = columns.map((loss) => heightOf(loss, least, most));
  const lines = Array.from({ length: LINES }, (_, index) => {
    const below = (LINES - 1 - index) * (BLOCKS.length - 1);
    return eighths.map((height) => BLOCKS[Math.max(0, Math.min(BLOCKS.length - 1, height - below))]).join('');
  });
  const label = (index: number): string =>
    (index === 0 ? most.toFixed(3) : index === LINES - 1 ? least.toFixed(3) : '').padStart(LABEL_WIDTH - 1);
  const last = formatInteger(rows.at(-1)!.step);
  const first = formatInteger(rows[0]!.step);
  return [
    ...lines.map((line, index) => `${label(index)} ${line}`.trimEnd()),
    `${'step'.padStart(LABEL_WIDTH - 1)} ${first}${last.padStart(Math.max(last.length + 1, columns.length - first.length))}`,
  ];
};

/** The lowest still shows. */
const heightOf = (loss: number, least: number, most: number): number => {
  const whole = LINES * (BLOCKS.length - 1);
  return most === least ? whole / 2 : 1 + Math.round(((loss - least) / (most - least)) * (whole - 1));
};

const means = (values: readonly number[], count: number): readonly number[] =>
  Array.from({ length: Math.max(0, count) }, (_, index) => {
    const some = values.slice(
      Math.floor((index * values.length) / count),
      Math.floor(((index + 1) * values.length) / count),
    );
    return some.reduce((sum, value) => sum + value, 0) / some.length;
  });
