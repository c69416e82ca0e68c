/** The Pareto front as a picture of characters and as a table: what more cards, dollars or free memory would buy. */
import type { Candidate, Outlook } from '../plan/plan.ts';
import { formatBytes, formatDollars, formatDuration, formatInteger, formatSeconds } from '../units/format.ts';
import type { Dollars } from '../units/quantity.ts';
import { layoutColumns } from './layout.ts';
import type { Paint } from './paint.ts';
import { left, right, table } from './table.ts';

const ROWS = 6;
const COLUMNS = 60;
const FRONT_MAX = 5;

interface Measure {
  readonly name: string;
  readonly value: (candidate: Candidate) => number;
  readonly text: (candidate: Candidate) => string;
}

/** The winner is marked `*`, the others by their line in the table below. */
export const paretoFront = (front: readonly Candidate[], paint: Paint): readonly string[] => {
  const shown = thin(front);
  const title = paint(
    'title',
    `Pareto front of time, dollars and free memory (${counted(shown.length, front.length)})`,
  );
  const plot = shown.length < 2 ? [] : picture(shown, timeOf(shown), rivalOf(shown));
  return [title, ...plot, ...frontTable(shown, paint)];
};

/** Keeps the ends of a long front and evenly spaced candidates between them. */
const thin = (front: readonly Candidate[]): readonly Candidate[] => {
  if (front.length <= FRONT_MAX) return front;
  const picks = Array.from({ length: FRONT_MAX }, (_pick, index) =>
    Math.round((index * (front.length - 1)) / (FRONT_MAX - 1)),
  );
  return front.filter((_candidate, index) => picks.includes(index));
};

const counted = (shown: number, all: number): string =>
  shown === all ? `${all} layout${all === 1 ? '' : 's'}` : `${shown} of ${all} layouts`;

const timeOf = (front: readonly Candidate[]): Measure =>
  front.every(({ outlook }) => outlook.run !== null)
    ? {
        name: 'run time',
        value: ({ outlook }) => outlook.run?.time ?? 0,
        text: ({ outlook }) => (outlook.run === null ? '-' : formatDuration(outlook.run.time)),
      }
    : {
        name: 'step time',
        value: ({ evaluation }) => evaluation.step,
        text: ({ evaluation }) => formatSeconds(evaluation.step),
      };

/** With one number of devices dollars go as time does, and free memory is all that is left to trade. */
const rivalOf = (front: readonly Candidate[]): Measure => {
  if (new Set(front.map(({ job }) => job.devices)).size === 1) {
    return {
      name: 'free memory',
      value: ({ outlook }) => outlook.memory.headroom,
      text: ({ outlook }) => formatBytes(outlook.memory.headroom),
    };
  }
  return front.every(({ outlook }) => costOf(outlook) !== null)
    ? {
        name: 'dollars (low)',
        value: ({ outlook }) => costOf(outlook) ?? 0,
        text: ({ outlook }) => costText(outlook),
      }
    : { name: 'devices', value: ({ job }) => job.devices, text: ({ job }) => formatInteger(job.devices) };
};

const costOf = ({ run }: Outlook): Dollars | null => run?.dollars?.low ?? null;
const costText = (outlook: Outlook): string => {
  const cost = costOf(outlook);
  return cost === null ? '-' : formatDollars(cost);
};

const picture = (front: readonly Candidate[], time: Measure, rival: Measure): readonly string[] => {
  const grid = Array.from({ length: ROWS }, () => Array.from({ length: COLUMNS }, () => ' '));
  // Drawn from the last to the first: where two fall on one cell, the faster is seen.
  front.toReversed().forEach((candidate, reversed) => {
    const index = front.length - 1 - reversed;
    const row = place(candidate, front, time, ROWS);
    const line = grid[ROWS - 1 - row];
    if (line !== undefined) line[place(candidate, front, rival, COLUMNS)] = mark(index);
  });
  const [low, high] = ends(front, time);
  const [cheap, dear] = ends(front, rival);
  const labels = grid.map((_line, index) => (index === 0 ? high : index === ROWS - 1 ? low : ''));
  const margin = Math.max(...labels.map(({ length }) => length));
  const drawn = grid.map((line, index) => `${(labels[index] ?? '').padStart(margin)} |${line.join('')}`.trimEnd());
  const axis = `${' '.repeat(margin)} +${'-'.repeat(COLUMNS)}`;
  const scale = `${' '.repeat(margin + 2)}${cheap}${dear.padStart(COLUMNS - cheap.length)}`;
  return [`${time.name} (up) against ${rival.name} (right)`, ...drawn, axis, scale];
};

const mark = (index: number): string => (index === 0 ? '*' : String(index + 1));

/** The cell from 0 to `cells` - 1 in which a candidate falls between the smallest and the largest of the front. */
const place = (candidate: Candidate, front: readonly Candidate[], { value }: Measure, cells: number): number => {
  const values = front.map(value);
  const smallest = Math.min(...values);
  const span = Math.max(...values) - smallest;
  return span === 0 ? 0 : Math.round(((value(candidate) - smallest) / span) * (cells - 1));
};

const ends = (front: readonly Candidate[], { value, text }: Measure): readonly [string, string] => {
  const sorted = front.toSorted((a, b) => value(a) - value(b));
  const [first, last] = [sorted.at(0), sorted.at(-1)];
  return [first === undefined ? '' : text(first), last === undefined ? '' : text(last)];
};

const frontTable = (front: readonly Candidate[], paint: Paint): readonly string[] => {
  const layouts = layoutColumns(front.map(({ job }) => job));
  const hasRun = front.every(({ outlook }) => outlook.run !== null);
  const hasCost = front.every(({ outlook }) => costOf(outlook) !== null);
  const rows = front.map(({ job, evaluation, outlook }, index) => [
    mark(index),
    ...layouts.cells(job),
    formatBytes(outlook.memory.headroom),
    ...(outlook.run === null || !hasRun
      ? [formatSeconds(evaluation.step)]
      : [formatDuration(outlook.run.time), ...(hasCost ? [costText(outlook)] : [])]),
  ]);
  const bill = hasRun ? [right('run'), ...(hasCost ? [right('cost from')] : [])] : [right('step')];
  const [head = '', ...body] = table([left(''), ...layouts.columns, right('free'), ...bill], rows);
  return [paint('faint', head), ...body];
};
