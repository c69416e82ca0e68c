/** A layout in words: whole for the one that is recommended, in short columns for the ones compared with it. */
import { furtherRanks, offloadText, unevenEnds } from '../plan/short-layout.ts';
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
export const layoutLine = ({ layout, precision, recompute, offload, devices }: Job): string =>
  [
    `${formatInteger(devices)} devices`,
    `tp ${layout.tp}`,
    ...furtherRanks(layout),
    `pp ${layout.pp}`,
    `vp ${layout.vp}`,
    ...unevenEnds(layout),
    `dp ${layout.dp}`,
    `microbatch ${layout.microbatch}`,
    layout.schedule,
    `zero ${layout.zero}${layout.replicas > 1 ? ` in ${layout.replicas} replicas` : ''}`,
    layout.sequenceParallel ? 'sequence parallel' : 'no sequence parallel',
    recomputeLine(recompute),
    precision,
    ...offloadText(offload),
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

/** What waits on the host: `opt` for the optimizer, a share for the activations. */
const offloadCell = ({ optimizer, activations }: Job['offload']): string => {
  const shown = [...(optimizer === 'none' ? [] : ['opt']), ...(activations === 0 ? [] : [shareText(activations)])];
  return shown.length === 0 ? '-' : shown.join('+');
};
const shareText = (share: number): string => `${(share * 100).toFixed(0)}%`;

/** `4r` is a ring of four, `4a` an all-to-all: --json spells them out. */
const CONTEXT_MARKS = { ring: 'r', 'all-to-all': 'a' } as const;

interface Aspect {
  readonly column: Column;
  readonly value: (job: Job) => string;
  /** A column whose rows all agree says nothing and is left out. */
  readonly isOptional: boolean;
  /** The value that is not worth a column, even beside no other: shown as soon as one row has another one. */
  readonly trivial?: string;
}

const ASPECTS: readonly Aspect[] = [
  { column: right('devices'), value: (job) => formatInteger(job.devices), isOptional: true },
  {
    column: left('tp.pp.vp.dp'),
    value: ({ layout }) => [layout.tp, layout.pp, layout.vp, layout.dp].join('.'),
    isOptional: false,
  },
  {
    column: left('cp'),
    value: ({ layout }) => (layout.cp === 1 ? '1' : `${layout.cp}${CONTEXT_MARKS[layout.contextKind]}`),
    isOptional: false,
    trivial: '1',
  },
  {
    column: left('ep'),
    // `8.2`: two tensor ranks an expert.
    value: ({ layout }) => `${layout.ep}${layout.etp > 1 ? `.${layout.etp}` : ''}`,
    isOptional: false,
    trivial: '1',
  },
  {
    column: left('ends'),
    value: ({ layout }) => `${layout.firstLayers ?? '-'} ${layout.lastLayers ?? '-'}`,
    isOptional: false,
    trivial: '- -',
  },
  { column: right('mb'), value: ({ layout }) => String(layout.microbatch), isOptional: false },
  { column: left('schedule'), value: ({ layout }) => layout.schedule, isOptional: false },
  {
    column: right('zero'),
    // With hybrid sharding `3x4`: four copies of what stage 3 shards.
    value: ({ layout }) => `${layout.zero}${layout.replicas > 1 ? `x${layout.replicas}` : ''}`,
    isOptional: false,
  },
  { column: left('sp'), value: ({ layout }) => (layout.sequenceParallel ? 'sp' : '-'), isOptional: false },
  { column: left('recompute'), value: ({ recompute }) => recomputeName(recompute), isOptional: false },
  { column: left('host'), value: ({ offload }) => offloadCell(offload), isOptional: false, trivial: '-' },
  { column: left('precision'), value: ({ precision }) => precision, isOptional: true },
];

export interface LayoutColumns {
  readonly columns: readonly Column[];
  readonly cells: (job: Job) => readonly string[];
}

/** The columns that tell the layouts of `jobs` apart. */
export const layoutColumns = (jobs: readonly Job[]): LayoutColumns => {
  const shown = ASPECTS.filter(({ value, isOptional, trivial }) => {
    const values = new Set(jobs.map(value));
    return isOptional ? values.size > 1 : trivial === undefined || [...values].some((one) => one !== trivial);
  });
  return { columns: shown.map(({ column }) => column), cells: (job) => shown.map(({ value }) => value(job)) };
};
