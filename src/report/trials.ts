/** Several questions side by side: one row each, the best layout or a dash, and below the table why there is none. */
import { z } from 'zod';
import type { Candidate } from '../plan/plan.ts';
import type { Trial } from '../plan/trial.ts';
import { bestOf } from '../plan/trial.ts';
import { formatBytes, formatDollars, formatDuration, formatPercent, formatSeconds } from '../units/format.ts';
import { layoutJson, layoutSchema, summaryJson, summarySchema } from './candidate-json.ts';
import { layoutColumns } from './layout.ts';
import type { Paint } from './paint.ts';
import { verdictJson, verdictSchema } from './plan-json.ts';
import { beside, left, right, table } from './table.ts';

export const trialSchema = z.discriminatedUnion('outcome', [
  z.strictObject({
    outcome: z.literal('plan'),
    complete: z.boolean().meta({ description: 'false when the search was interrupted: the best so far' }),
    best: summarySchema,
  }),
  z.strictObject({
    outcome: z.literal('infeasible'),
    reason: z.string(),
    verdict: verdictSchema,
    layout: layoutSchema.nullable().meta({ description: 'the layout that comes nearest' }),
  }),
  z.strictObject({ outcome: z.literal('unfinished') }).meta({ description: 'interrupted before anything was known' }),
]);

export const trialJson = ({ outcome, complete }: Trial): z.infer<typeof trialSchema> => {
  switch (outcome.kind) {
    case 'plan':
      return { outcome: 'plan', complete, best: summaryJson(outcome.best) };
    case 'infeasible': {
      const { text, verdict, job } = outcome.binding;
      const layout = job === null ? null : layoutJson(job);
      return { outcome: 'infeasible', reason: text, verdict: verdictJson(verdict), layout };
    }
    case 'unfinished':
      return { outcome: 'unfinished' };
    default:
      return outcome satisfies never;
  }
};

export interface TrialRow {
  readonly label: string;
  readonly best: Candidate | null;
  /** Why there is no layout; null where there is one. */
  readonly reason: string | null;
  /** A word more, at the end of the row. */
  readonly remark: string;
}

export const trialRow = (label: string, trial: Trial, remark = ''): TrialRow => ({
  label,
  best: bestOf(trial),
  reason: reasonOf(trial),
  remark,
});

const reasonOf = ({ outcome }: Trial): string | null => {
  if (outcome.kind === 'plan') return null;
  return outcome.kind === 'infeasible' ? outcome.binding.text : 'the search was interrupted before it knew';
};

const MARGIN = 12;

/** `title` is what the labels are: `devices`, `workload.sequence`. */
export const trialTable = (
  rows: readonly TrialRow[],
  { title, remarks, paint }: { readonly title: string; readonly remarks: string; readonly paint: Paint },
): readonly string[] => {
  const all = rows.flatMap(({ best }) => best ?? []);
  // The label says how many devices there are, or they are the same in all rows.
  const layouts = layoutColumns(all.map(({ job }) => (title === 'devices' ? { ...job, devices: 0 } : job)));
  const bill = BILL.filter(({ isKnown }) => all.some(isKnown));
  const cells = (best: Candidate | null): readonly string[] =>
    best === null
      ? ['-', ...layouts.columns.slice(1).map(() => ''), ...bill.map(() => '')]
      : [...layouts.cells(best.job), ...bill.map(({ text }) => text(best))];
  const hasRemarks = rows.some(({ remark }) => remark !== '');
  const [head = '', ...body] = table(
    [
      right(title),
      ...(layouts.columns.length === 0 ? [left('')] : layouts.columns),
      ...bill.map(({ name }) => right(name)),
      ...(hasRemarks ? [left(remarks)] : []),
    ],
    rows.map(({ label, best, remark }) => [label, ...cells(best), ...(hasRemarks ? [remark] : [])]),
  );
  const reasons = rows.flatMap(({ label, reason }) => (reason === null ? [] : beside(label, reason, MARGIN)));
  return [paint('title', head), ...body, ...(reasons.length === 0 ? [] : ['', ...reasons])];
};

interface Figure {
  readonly name: string;
  readonly isKnown: (candidate: Candidate) => boolean;
  readonly text: (candidate: Candidate) => string;
}
const BILL: readonly Figure[] = [
  { name: 'step', isKnown: () => true, text: ({ evaluation }) => formatSeconds(evaluation.step) },
  {
    name: 'run',
    isKnown: ({ outlook }) => outlook.run !== null,
    text: ({ outlook }) => (outlook.run === null ? '-' : formatDuration(outlook.run.time)),
  },
  {
    name: 'cost up to',
    isKnown: ({ outlook }) => (outlook.run?.dollars ?? null) !== null,
    text: ({ outlook }) => {
      const dollars = outlook.run?.dollars ?? null;
      return dollars === null ? '-' : formatDollars(dollars.high);
    },
  },
  { name: 'MFU', isKnown: () => true, text: ({ outlook }) => formatPercent(outlook.utilisation.mfuFull) },
  { name: 'free', isKnown: () => true, text: ({ outlook }) => formatBytes(outlook.memory.headroom) },
];
