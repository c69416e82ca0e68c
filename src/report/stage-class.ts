/** Stages that do the same: a pipeline of 64 stages has four kinds of them, and four columns can be read. */
import type { StageReport } from '../sim/evaluation.ts';
import { TERMS } from '../sim/evaluation.ts';
import type { Seconds } from '../units/quantity.ts';

export interface StageClass {
  readonly stages: readonly number[];
  /** The first of them speaks for all: a real stage, never an average of several. */
  readonly representative: StageReport;
}
export interface Classes {
  readonly classes: readonly StageClass[];
  /** No term of a stage differs from its representative's by more than this share of the step. */
  readonly tolerance: number;
}

/** Columns of a time table beside its labels. */
const COLUMNS_MAX = 4;
/** Four columns of this width and their shares fit a page. */
const NAME_WIDTH = 12;
/** Tried in turn until the classes fit; at the last one all stages are one class. */
const TOLERANCES = [1e-9, 1e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1, 0.2, 0.5, Infinity];

/** Groups stages whose terms agree, as exactly as the table's width allows. */
export const classesOf = (stages: readonly StageReport[], step: Seconds): Classes => {
  const attempts = TOLERANCES.map((tolerance) => ({ tolerance, classes: group(stages, tolerance * step) }));
  const fitting = attempts.find(({ classes }) => classes.length <= COLUMNS_MAX);
  if (fitting === undefined) throw new RangeError('an infinite tolerance puts all stages in one class');
  return { classes: fitting.classes, tolerance: largestDifference(fitting.classes, stages) / step };
};

/** `stage 0`, `stages 1-6`; a class of many separate runs is named by the first and how many stages follow: `1-2 +9`. */
export const nameOf = ({ stages }: StageClass): string => {
  const runs = runsOf(stages);
  const words = runs.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`));
  const [first, last] = runs[0] ?? [0, -1];
  const more = `${words[0] ?? ''} +${stages.length - (last - first + 1)}`;
  const noun = stages.length === 1 ? 'stage' : 'stages';
  return [`${noun} ${words.join(' ')}`, `${noun} ${more}`].find(({ length }) => length <= NAME_WIDTH) ?? more;
};

type Run = readonly [first: number, last: number];
const runsOf = (stages: readonly number[]): readonly Run[] =>
  stages.reduce<readonly Run[]>((runs, stage) => {
    const [first, last] = runs.at(-1) ?? [0, -Infinity];
    return last === stage - 1 ? [...runs.slice(0, -1), [first, stage]] : [...runs, [stage, stage]];
  }, []);

const group = (stages: readonly StageReport[], limit: number): readonly StageClass[] => {
  const classes: { readonly stages: number[]; readonly representative: StageReport }[] = [];
  for (const report of stages) {
    const kin = classes.find(({ representative }) => difference(representative, report) <= limit);
    if (kin === undefined) classes.push({ stages: [report.stage], representative: report });
    else kin.stages.push(report.stage);
  }
  return classes;
};

const difference = (a: StageReport, b: StageReport): number =>
  Math.max(...TERMS.map((term) => Math.abs(a.terms[term] - b.terms[term])));

const largestDifference = (classes: readonly StageClass[], stages: readonly StageReport[]): number =>
  Math.max(
    ...classes.flatMap(({ stages: members, representative }) =>
      stages.filter(({ stage }) => members.includes(stage)).map((report) => difference(representative, report)),
    ),
  );
