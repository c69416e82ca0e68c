/** A layout in words: whole for the one that is recommended, in short columns for the ones compared with it. */
import type { Job, Recompute } from '../scenario/job.ts';
import { formatInteger } from '../units/format.ts';
import type { Column } from './table.ts';
import { left, right } from './table.ts';

const recomputeName = (recompute: Recompute): string => {
  switch (recompute.kind) {
    case 'none':
      return 'none';
    case 'selective':
      return 'selective';
    case 'full':
      return recompute.layers === 'all' ? 'full' : `full ${recompute.layers}`;
    default:
      return recompute satisfies never;
  }
};

/** `tp 8, pp 16, ...`: every choice that the planner made, by the keys of a scenario. */
export const layoutLine = ({ layout, precision, recompute, devices }: Job): string =>
  [
    `${formatInteger(devices)} devices`,
    `tp ${layout.tp}`,
    `pp ${layout.pp}`,
    `vp ${layout.vp}`,
    `dp ${layout.dp}`,
    `microbatch ${layout.microbatch}`,
    layout.schedule,
    `zero ${layout.zero}`,
    layout.sequenceParallel ? 'sequence parallel' : 'no sequence parallel',
    recomputeLine(recompute),
    precision,
  ].join(', ');

const recomputeLine = (recompute: Recompute): string => {
  switch (recompute.kind) {
    case 'none':
      return 'no recompute';
    case 'selective':
      return `selective recompute (${recompute.modules.join(' ')})`;
    case 'full':
      return recompute.layers === 'all' ? 'full recompute' : `full recompute of ${recompute.layers} layers a chunk`;
    default:
      return recompute satisfies never;
  }
};

interface Aspect {
  readonly column: Column;
  readonly value: (job: Job) => string;
  /** A column whose rows all agree says nothing and is left out. */
  readonly isOptional: boolean;
}

const ASPECTS: readonly Aspect[] = [
  { column: right('devices'), value: (job) => formatInteger(job.devices), isOptional: true },
  {
    column: left('tp.pp.vp.dp'),
    value: ({ layout }) => [layout.tp, layout.pp, layout.vp, layout.dp].join('.'),
    isOptional: false,
  },
  { column: right('mb'), value: ({ layout }) => String(layout.microbatch), isOptional: false },
  { column: left('schedule'), value: ({ layout }) => layout.schedule, isOptional: false },
  { column: right('zero'), value: ({ layout }) => String(layout.zero), isOptional: false },
  { column: left('sp'), value: ({ layout }) => (layout.sequenceParallel ? 'sp' : '-'), isOptional: false },
  { column: left('recompute'), value: ({ recompute }) => recomputeName(recompute), isOptional: false },
  { column: left('precision'), value: ({ precision }) => precision, isOptional: true },
];

export interface LayoutColumns {
  readonly columns: readonly Column[];
  readonly cells: (job: Job) => readonly string[];
}

/** The columns that tell the layouts of `jobs` apart. */
export const layoutColumns = (jobs: readonly Job[]): LayoutColumns => {
  const shown = ASPECTS.filter(({ value, isOptional }) => !isOptional || new Set(jobs.map(value)).size > 1);
  return { columns: shown.map(({ column }) => column), cells: (job) => shown.map(({ value }) => value(job)) };
};
