/** Where a step's time goes, term by term and stage by stage; every printed column adds up to the printed step. */
import type { Evaluation, Term, Terms } from '../sim/evaluation.ts';
import { TERMS } from '../sim/evaluation.ts';
import { formatPercent, roundToSum, timeScaleFor } from '../units/format.ts';
import { classesOf, nameOf } from './stage-class.ts';
import type { Paint } from './paint.ts';
import { left, right, table } from './table.ts';

/** What the short names of the terms mean to someone who has not read the code. */
export const TERM_LABELS: Readonly<Record<Term, string>> = {
  matrix: 'matrix products',
  attention: 'attention',
  vector: 'vector',
  recompute: 'recomputation',
  tp: 'exposed tp',
  cp: 'exposed cp',
  ep: 'exposed ep',
  bubble: 'pipeline bubble',
  dp: 'exposed dp',
  offload: 'offload',
  optimizer: 'optimizer',
  input: 'input',
};
const DIGITS = 3;

export const timeTable = ({ stages, step }: Evaluation, paint: Paint): readonly string[] => {
  const { classes, tolerance } = classesOf(stages, step);
  const scale = timeScaleFor(step);
  const columns = classes.map(({ representative }) => columnOf(representative.terms, scale.size));
  // A row that prints as nothing in every column says nothing; --json has them all.
  const rows = TERMS.map((term, index) => [
    TERM_LABELS[term],
    ...columns.flatMap((column) => cellsOf(column, index)),
  ]).filter((_row, index) => columns.some(({ times, shares }) => (times[index] ?? 0) + (shares[index] ?? 0) > 0));
  const last = ['step', ...columns.flatMap(({ times, shares }) => cells(sum(times), sum(shares)))];
  const titles = classes.flatMap((stageClass) => [right(nameOf(stageClass)), right('share')]);
  const [head = '', ...body] = table([left(`time (${scale.unit})`), ...titles], [...rows, last]);
  const spread = `  stages in a column differ by at most ${formatPercent(tolerance)} of the step in any term`;
  return [paint('title', head), ...body, ...(tolerance > 5e-4 ? [paint('faint', spread)] : [])];
};

/** A stage's terms as printed, in the order of `TERMS`. */
interface TimeColumn {
  readonly times: readonly number[];
  readonly shares: readonly number[];
}

const columnOf = (terms: Terms, size: number): TimeColumn => {
  const exact = TERMS.map((term) => terms[term] / size);
  const whole = sum(exact);
  const shares = exact.map((part) => (part / whole) * 100);
  return { times: roundToSum(exact, DIGITS), shares: roundToSum(shares, 1) };
};

const cellsOf = ({ times, shares }: TimeColumn, index: number): readonly string[] =>
  cells(times[index] ?? 0, shares[index] ?? 0);
const cells = (time: number, share: number): readonly string[] => [time.toFixed(DIGITS), `${share.toFixed(1)} %`];

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
