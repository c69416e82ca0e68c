/** `plan --target`: the plan that meets the target, or the one that comes nearest and by how much it misses. */
import { z } from 'zod';
import type { Candidate } from '../plan/plan.ts';
import type { Miss, Target, Targeted } from '../plan/target.ts';
import { meets, missesOf } from '../plan/target.ts';
import { bestOf } from '../plan/trial.ts';
import { formatDollars, formatInteger } from '../units/format.ts';
import { dollars } from '../units/quantity.ts';
import type { BandsFile } from '../validate/bands.ts';
import { bandJson, bandSchema } from './band.ts';
import { candidateJson, candidateSchema, figureJson, figureSchema } from './candidate-json.ts';
import { figuresOf } from './figures.ts';
import type { Paint } from './paint.ts';
import { questionJson, questionSchema } from './plan-json.ts';
import { breakdown, footer, heading, pageOf } from './plan-text.ts';
import { wrap, PAGE_WIDTH } from './table.ts';
import { trialJson, trialRow, trialSchema, trialTable } from './trials.ts';
import { questionLine, verdictStrip } from './verdict-strip.ts';

export const targetSchema = z.strictObject({
  days: z.number().nullable(),
  usd: z.number().nullable().meta({ description: 'held against the high end of the price range' }),
});

export const missSchema = z.strictObject({
  target: z.enum(['days', 'usd']),
  wanted: z.number(),
  taken: z.number(),
  excess: z.number().meta({ description: 'zero or less where the target is met' }),
});

export const targetedSchema = z
  .strictObject({
    schema: z.literal('angel-sim.plan-target/1'),
    outcome: z.enum(['met', 'missed', 'infeasible', 'unfinished']),
    question: questionSchema,
    target: targetSchema,
    complete: z.boolean().meta({ description: 'false when the search was interrupted' }),
    chosen: candidateSchema.nullable().meta({ description: 'where the target is missed what comes nearest' }),
    misses: z.array(missSchema).meta({ description: 'each target beside what the chosen run takes' }),
    band: bandSchema,
    tried: z.array(z.strictObject({ devices: z.int(), trial: trialSchema })),
    figures: z.array(figureSchema),
  })
  .meta({ title: 'angel-sim plan --target', description: 'What `angel-sim plan --target ... --json` prints.' });

const outcomeOf = ({ chosen, isMet, complete }: Targeted): z.infer<typeof targetedSchema>['outcome'] => {
  if (chosen !== null) return isMet ? 'met' : 'missed';
  return complete ? 'infeasible' : 'unfinished';
};

export const targetedJson = (targeted: Targeted, bands: BandsFile): z.infer<typeof targetedSchema> => {
  const { chosen, target } = targeted;
  return {
    schema: 'angel-sim.plan-target/1',
    outcome: outcomeOf(targeted),
    question: questionJson(targeted.scenario),
    target: targetJson(target),
    complete: targeted.complete,
    chosen: chosen === null ? null : candidateJson(chosen),
    misses: chosen === null ? [] : missesOf(chosen, target).map((miss) => ({ ...miss })),
    band: chosen === null ? null : bandJson(chosen, bands),
    tried: targeted.trials.map((trial) => ({ devices: trial.scenario.devices[0]!, trial: trialJson(trial) })),
    figures: chosen === null ? [] : figuresOf(chosen).map(figureJson),
  };
};

export const targetJson = ({ days, dollars: usd }: Target): z.infer<typeof targetSchema> => ({ days, usd });

export interface AnswerTextOptions {
  readonly bands: BandsFile;
  readonly paint: Paint;
  readonly sources: boolean;
}

export const targetedText = (targeted: Targeted, options: AnswerTextOptions): string => {
  const { scenario, target, chosen, trials, complete } = targeted;
  const { bands, paint, sources } = options;
  const rows = trials.map((trial) =>
    trialRow(formatInteger(trial.scenario.devices[0]!), trial, remarkOf(bestOf(trial), target)),
  );
  return pageOf([
    chosen === null ? [paint('title', scenario.title), questionLine(scenario)] : heading(scenario.title, chosen, paint),
    wrap(verdictText(targeted, paint), PAGE_WIDTH),
    complete ? [] : [paint('bad', INTERRUPTED)],
    chosen === null ? [] : verdictStrip(chosen, { margin: scenario.memoryMargin, bands, paint }),
    chosen === null ? [] : breakdown(chosen, paint),
    rows.length === 0 ? [] : trialTable(rows, { title: 'devices', remarks: 'target', paint }),
    chosen === null ? [] : footer(chosen, sources, paint),
  ]);
};

export const INTERRUPTED = 'The search was interrupted: this is what was found so far.';

export const targetText = ({ days, dollars: usd }: Target): string =>
  [
    ...(days === null ? [] : [`within ${days} days`]),
    ...(usd === null ? [] : [`for at most ${formatDollars(usd)} at the high end of the price`]),
  ].join(' and ');

const verdictText = ({ target, chosen, isMet, complete }: Targeted, paint: Paint): string => {
  const asked = targetText(target);
  if (chosen === null)
    return paint('bad', complete ? 'No plan: nothing fits on any of the device counts.' : 'Nothing was found yet.');
  if (isMet) {
    const best = target.days === null ? 'The fastest plan' : 'The cheapest plan, then the one on the fewest cards,';
    return `${paint('good', 'Target met:')} ${best} done ${asked}.`;
  }
  return `${paint('bad', 'Target missed:')} no plan is done ${asked}. The nearest takes ${missText(chosen, target)}.`;
};

const missText = (chosen: Candidate, target: Target): string =>
  missesOf(chosen, target)
    .filter(({ excess }) => excess > 0)
    .map((miss) => `${amount(miss, miss.taken)}, ${amount(miss, miss.excess)} too many`)
    .join('; ');

const amount = ({ target }: Miss, value: number): string =>
  target === 'days' ? `${value.toPrecision(3)} days` : formatDollars(dollars(value));

const remarkOf = (best: Candidate | null, target: Target): string =>
  best === null ? '' : meets(best, target) ? 'met' : 'missed';
