/** What is not as it should be, as a part of a simulation's answer: in words and as JSON. */
import { z } from 'zod';
import type { Disturbance } from '../plan/disturbance.ts';
import { FABRICS, PLACEMENTS } from '../scenario/conditions.ts';
import { formatChange, formatInteger, formatPercent, formatSeconds } from '../units/format.ts';
import type { Paint } from './paint.ts';
import { left, right, table } from './table.ts';

export const disturbanceLines = (disturbed: Disturbance, paint: Paint): readonly string[] => {
  const { evaluation, ideal, causes, late, narrow, effects, events, fabric, conditions } = disturbed;
  const { step } = evaluation;
  const slower = step === ideal ? 'as it should be' : formatChange(step / ideal - 1);
  const network =
    conditions.network === 'private'
      ? 'each message has its links to itself'
      : `messages share the links of a ${fabric.kind} fabric (${fabric.routing}, ${fabric.oversubscription} to 1)`;
  return [
    `${paint('title', 'every rank')}  ${formatSeconds(step)} a step, ${slower}; undisturbed ${formatSeconds(ideal)}`,
    paint(
      'faint',
      `  ${formatInteger(effects)} effects of all ranks, ${formatInteger(events)} events on links; ${network}`,
    ),
    ...section('what it costs', causes, paint, ({ what, cost }) => [what, `+${formatSeconds(cost)}`]),
    ...section('slow by itself', late, paint, ({ rank, stage, node, card, behind, share }) => [
      `rank ${rank} (stage ${stage}, node ${node}, card ${card})`,
      `busy ${formatSeconds(behind)} (${formatPercent(share)}) longer than the others of its stage`,
    ]),
    ...section('links that held messages up', narrow, paint, ({ link, lost }) => [
      link,
      `${formatSeconds(lost)} of all messages together`,
    ]),
  ];
};

const section = <Row>(
  title: string,
  rows: readonly Row[],
  paint: Paint,
  cells: (row: Row) => readonly [string, string],
): readonly string[] => {
  if (rows.length === 0) return [];
  const [head = '', ...body] = table(
    [left(title), right('')],
    rows.map((row) => [...cells(row)]),
  );
  return ['', paint('title', head), ...body];
};

const seconds = z.number().nonnegative();

export const disturbanceSchema = z
  .strictObject({
    placement: z.enum(PLACEMENTS),
    network: z.enum(['shared', 'private']),
    fabric: z.enum(FABRICS),
    ideal_step_seconds: seconds.meta({ description: 'every rank alike, each message with its links to itself' }),
    step_seconds: seconds,
    causes: z
      .array(z.strictObject({ what: z.string(), cost_seconds: seconds }))
      .meta({ description: 'what the step would save without each, the dearest first' }),
    late_ranks: z
      .array(
        z.strictObject({
          rank: z.int(),
          stage: z.int(),
          node: z.int(),
          card: z.int(),
          behind_seconds: seconds.meta({ description: 'busy for longer than the rank in the middle of its stage' }),
          behind_share: z.number().nonnegative(),
        }),
      )
      .meta({ description: 'ranks that are slow by themselves, the slowest first' }),
    narrow_links: z
      .array(z.strictObject({ link: z.string(), lost_seconds: seconds }))
      .meta({ description: 'where messages lost most time' }),
    effects: z.int().nonnegative(),
    network_events: z.int().nonnegative(),
  })
  .nullable()
  .meta({ description: 'what the full rung says of each rank and link; null on other rungs' });

export const disturbanceJson = (disturbed: Disturbance | null): z.infer<typeof disturbanceSchema> => {
  if (disturbed === null) return null;
  const { conditions, evaluation, ideal, causes, late, narrow, effects, events, fabric } = disturbed;
  return {
    placement: conditions.placement,
    network: conditions.network,
    fabric: fabric.kind,
    ideal_step_seconds: ideal,
    step_seconds: evaluation.step,
    causes: causes.map(({ what, cost }) => ({ what, cost_seconds: cost })),
    late_ranks: late.map(({ behind, share, ...rank }) => ({ ...rank, behind_seconds: behind, behind_share: share })),
    narrow_links: narrow.map(({ link, lost }) => ({ link, lost_seconds: lost })),
    effects,
    network_events: events,
  };
};
