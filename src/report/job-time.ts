/** A run of weeks for a terminal: days and dollars as far as chance goes, where the time is lost, how often to save. */
import type { JobOutlook } from '../plan/job-outlook.ts';
import type { Cause } from '../sim/job-time/course.ts';
import { CAUSES } from '../sim/job-time/course.ts';
import { formatDuration, formatInteger, formatSeconds, roundToSum } from '../units/format.ts';
import type { BandsFile } from '../validate/bands.ts';
import { bandText } from './band.ts';
import { countByOrigin, figureTable } from './figures.ts';
import { reliabilityFigures } from './job-figures.ts';
import { isPlayed, jobItem, jobLines } from './job-lines.ts';
import { layoutLine } from './layout.ts';
import type { Paint } from './paint.ts';
import { heading, pageOf } from './plan-text.ts';
import { left, PAGE_WIDTH, right, table, wrap } from './table.ts';

export interface JobTextOptions {
  readonly title: string;
  readonly bands: BandsFile;
  readonly paint: Paint;
  readonly sources: boolean;
}

export const jobText = (outlook: JobOutlook, { title, bands, paint, sources }: JobTextOptions): string => {
  const { candidate } = outlook;
  return pageOf([
    heading(title, candidate, paint),
    [
      ...jobItem('layout', layoutLine(candidate.job)),
      ...jobItem('step', `${formatSeconds(candidate.evaluation.step)} when nothing fails`),
      ...jobItem('band', bandText(candidate, bands)),
      ...jobLines(outlook, paint),
    ],
    isPlayed(outlook) ? lossTable(outlook, paint) : [],
    isPlayed(outlook) ? sweepTable(outlook, paint) : [],
    legend(outlook, paint),
    sources ? figureTable(reliabilityFigures(outlook), paint) : [],
  ]);
};

const LABELS: Readonly<Record<Cause, string>> = {
  recompute: 'work done again',
  detection: 'until a failure is known',
  repair: 'waiting for repairs',
  restart: 'restarting',
  checkpoint: 'saving',
  shrunk: 'fewer replicas',
};
const SECONDS_A_DAY = 86_400;

/** On average over the runs; every printed column adds up. */
const lossTable = ({ useful, lost }: JobOutlook, paint: Paint): readonly string[] => {
  const parts: readonly (readonly [string, number])[] = [
    ['useful steps', useful],
    ...CAUSES.filter((cause) => lost[cause] > 0).map((cause) => [LABELS[cause], lost[cause]] as const),
  ];
  const exact = parts.map(([, time]) => time / SECONDS_A_DAY);
  const whole = add(exact);
  const days = roundToSum(exact, 3);
  const shares = roundToSum(
    exact.map((time) => (100 * time) / whole),
    1,
  );
  const rows = parts.map(([label], index) => [
    label,
    (days[index] ?? 0).toFixed(3),
    `${(shares[index] ?? 0).toFixed(1)} %`,
  ]);
  const last = ['wall time', add(days).toFixed(3), `${add(shares).toFixed(1)} %`];
  const [head = '', ...body] = table([left('where it goes'), right('days'), right('share')], [...rows, last]);
  return [paint('title', head), ...body];
};
const add = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);

/** A few intervals around the one taken: how flat the optimum is. */
const sweepTable = ({ checkpoint: { swept, steps } }: JobOutlook, paint: Paint): readonly string[] => {
  const at = swept.findIndex((tried) => tried.steps === steps);
  const best = swept[at];
  if (best === undefined) return [];
  const shown = swept.filter(({ steps: tried }) => FACTORS.some((factor) => nearest(factor * steps, swept) === tried));
  const rows = shown.map((tried) => [
    formatDuration(tried.every),
    formatInteger(tried.steps),
    (tried.wall / SECONDS_A_DAY).toFixed(2),
    tried === best ? '' : `+${(100 * (tried.wall / best.wall - 1)).toFixed(2)} %`,
  ]);
  const [head = '', ...body] = table([right('a checkpoint every'), right('steps'), right('days'), left('')], rows);
  return [paint('title', head), ...body];
};
const FACTORS = [1 / 4, 1 / 2, 1, 2, 4];
const nearest = (steps: number, swept: JobOutlook['checkpoint']['swept']): number =>
  swept.reduce((best, one) => (distance(one.steps, steps) < distance(best, steps) ? one.steps : best), Infinity);
const distance = (a: number, b: number): number => Math.abs(Math.log(a / b));

const legend = (outlook: JobOutlook, paint: Paint): readonly string[] => {
  const figures = reliabilityFigures(outlook);
  const counts = countByOrigin(figures);
  const assumed = figures.filter(({ from }) => from === 'assumed').map(({ key, text }) => `${key} ${text}`);
  const text =
    `The middle of ${formatInteger(outlook.seeds)} simulated runs, and between brackets what nine in ten exceed and nine in ten ` +
    "stay below: the spread of failures alone, beside the step's own error. " +
    `It stands on ${counts.measured} measured, ${counts.calibrated} calibrated and ${counts.assumed} assumed figures of reliability` +
    `${assumed.length === 0 ? '' : `; assumed: ${assumed.join(', ')}`}. --sources lists all of them.`;
  return wrap(text, PAGE_WIDTH).map((line) => paint('faint', line));
};
