/** `plan --sweep`: one row a value of a key, and how well more devices are used. */
import { z } from 'zod';
import type { Sweep, SweepRow } from '../plan/sweep.ts';
import { formatPercent } from '../units/format.ts';
import type { Paint } from './paint.ts';
import { pageOf } from './plan-text.ts';
import { INTERRUPTED } from './target.ts';
import type { TrialRow } from './trials.ts';
import { trialJson, trialRow, trialSchema, trialTable } from './trials.ts';

const refusedSchema = z
  .strictObject({ outcome: z.literal('refused'), reason: z.string() })
  .meta({ description: 'a value with which the scenario contradicts itself' });

export const sweepSchema = z
  .strictObject({
    schema: z.literal('angel-sim.plan-sweep/1'),
    title: z.string(),
    key: z.string(),
    complete: z.boolean().meta({ description: 'false when the sweep was interrupted: later values are missing' }),
    rows: z.array(
      z.strictObject({
        value: z.string(),
        efficiency: z
          .number()
          .nullable()
          .meta({ description: 'tokens a second a device over those of the first value that has a plan' }),
        trial: z.union([trialSchema, refusedSchema]),
      }),
    ),
  })
  .meta({ title: 'angel-sim plan --sweep', description: 'What `angel-sim plan --sweep ... --json` prints.' });

export const sweepJson = ({ key, rows, complete }: Sweep, title: string): z.infer<typeof sweepSchema> => ({
  schema: 'angel-sim.plan-sweep/1',
  title,
  key,
  complete,
  rows: rows.map(({ value, trial, efficiency }) => ({
    value,
    efficiency,
    trial: 'refusal' in trial ? { outcome: 'refused', reason: trial.refusal } : trialJson(trial),
  })),
});

export const sweepText = ({ key, rows, complete }: Sweep, title: string, paint: Paint): string =>
  pageOf([
    [paint('title', title), `${key} = ${rows.map(({ value }) => value).join(', ')}`],
    complete ? [] : [paint('bad', INTERRUPTED)],
    rows.length === 0 ? [] : trialTable(rows.map(rowOf), { title: key, remarks: 'per device', paint }),
    rows.some(({ efficiency }) => efficiency !== null) ? [PER_DEVICE] : [],
  ]);

const PER_DEVICE = 'per device: tokens a second of one device, as a share of the first value that has a plan';

const rowOf = ({ value, trial, efficiency }: SweepRow): TrialRow =>
  'refusal' in trial
    ? { label: value, best: null, reason: trial.refusal, remark: '' }
    : trialRow(value, trial, efficiency === null ? '' : formatPercent(efficiency));
