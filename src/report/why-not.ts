/** `plan --why-not`: what became of the layouts that somebody has in mind. */
import { z } from 'zod';
import type { Rival, WhyNot } from '../plan/why-not.ts';
import { BOUNDS_MAX, SIMULATED_MAX } from '../plan/why-not.ts';
import { TERMS } from '../sim/evaluation.ts';
import { formatBytes, formatChange, formatInteger, formatSeconds } from '../units/format.ts';
import { layoutJson, layoutSchema, summaryJson, summarySchema } from './candidate-json.ts';
import { layoutColumns, layoutLine } from './layout.ts';
import type { Paint } from './paint.ts';
import { questionJson, questionSchema } from './plan-json.ts';
import { pageOf } from './plan-text.ts';
import { beside, left, right, table, wrap, PAGE_WIDTH } from './table.ts';
import { INTERRUPTED } from './target.ts';
import { TERM_LABELS } from './time-table.ts';
import { questionLine } from './verdict-strip.ts';

const count = z.int().min(0);

export const whyNotSchema = z
  .strictObject({
    schema: z.literal('angel-sim.plan-why-not/1'),
    question: questionSchema,
    fixed: z.record(z.string(), z.string()),
    complete: z.boolean().meta({ description: 'false when the search was interrupted' }),
    winner: summarySchema.nullable().meta({ description: 'of the scenario as it was asked' }),
    is_winner: z.boolean().meta({ description: 'true when the winner itself matches' }),
    matching: count.meta({ description: 'the sum of the counts below' }),
    by_rule: count,
    by_memory: count,
    by_bound: count,
    simulated: count,
    unseen: count.meta({ description: 'legal, but beyond what is looked at' }),
    rules: z.array(z.strictObject({ rule: z.string(), layouts: count })),
    nearest: z
      .strictObject({ layout: layoutSchema, stage: count, peak_bytes: z.number(), over_bytes: z.number() })
      .nullable()
      .meta({ description: 'the one nearest to fitting of those too large' }),
    least_bound_s: z.number().nullable(),
    rivals: z.array(
      z.strictObject({
        ...summarySchema.shape,
        loses_term: z.enum(TERMS).nullable(),
        loses_by_s: z.number().nullable(),
      }),
    ),
  })
  .meta({ title: 'angel-sim plan --why-not', description: 'What `angel-sim plan --why-not ... --json` prints.' });

export const whyNotJson = (found: WhyNot): z.infer<typeof whyNotSchema> => ({
  schema: 'angel-sim.plan-why-not/1',
  question: questionJson(found.scenario),
  fixed: { ...found.fixed },
  complete: found.complete,
  winner: found.winner === null ? null : summaryJson(found.winner),
  is_winner: found.isWinner,
  matching: found.matching,
  by_rule: found.byRule,
  by_memory: found.byMemory,
  by_bound: found.byBound,
  simulated: found.simulated,
  unseen: found.unseen,
  rules: found.rules.map(([rule, layouts]) => ({ rule, layouts })),
  nearest: nearestJson(found.nearest),
  least_bound_s: found.leastBound,
  rivals: found.rivals.map(({ candidate, loses }) => ({
    ...summaryJson(candidate),
    loses_term: loses?.term ?? null,
    loses_by_s: loses?.by ?? null,
  })),
});

const nearestJson = (nearest: WhyNot['nearest']): z.infer<typeof whyNotSchema>['nearest'] =>
  nearest === null
    ? null
    : {
        layout: layoutJson(nearest.job),
        stage: nearest.stage,
        peak_bytes: nearest.peak,
        over_bytes: nearest.over,
      };

const MARGIN = 12;
const RULES_SHOWN = 8;

export const whyNotText = (found: WhyNot, paint: Paint): string => {
  const asked = Object.entries(found.fixed).map(([axis, value]) => `${axis}=${value}`);
  const { winner } = found;
  return pageOf([
    [paint('title', found.scenario.title), questionLine(found.scenario)],
    [
      ...beside('asked', asked.join(', '), MARGIN),
      ...(winner === null
        ? beside('winner', 'nothing in the scenario fits', MARGIN)
        : beside('winner', `step ${formatSeconds(winner.evaluation.step)}: ${layoutLine(winner.job)}`, MARGIN)),
    ],
    wrap(countsText(found, paint), PAGE_WIDTH),
    found.complete ? [] : [paint('bad', INTERRUPTED)],
    found.rules.length === 0 ? [] : rulesTable(found, paint),
    nearestLines(found),
    found.rivals.length === 0 ? [] : rivalsTable(found, paint),
  ]);
};

const countsText = (found: WhyNot, paint: Paint): string => {
  const { matching, byRule, byMemory, byBound, simulated, unseen } = found;
  const won = found.isWinner ? `${paint('good', 'The winner is such a layout.')} ` : '';
  const bounded = found.leastBound === null ? '' : ` (${formatSeconds(found.leastBound)} and more)`;
  const left =
    unseen === 0
      ? ''
      : ` ${formatInteger(unseen)} legal ones were not looked at: the first ${formatInteger(BOUNDS_MAX)} are bounded, ` +
        `and of those that fit the ${SIMULATED_MAX} with the least bounds simulated.`;
  return (
    `${won}${formatInteger(matching)} layouts match: ${formatInteger(byRule)} not legal, ${formatInteger(byMemory)} too ` +
    `large, ${formatInteger(byBound)} too slow by their bound${bounded}, ${formatInteger(simulated)} simulated.${left}`
  );
};

const rulesTable = ({ rules }: WhyNot, paint: Paint): readonly string[] => {
  const rows = rules.slice(0, RULES_SHOWN).map(([rule, layouts]) => [formatInteger(layouts), rule]);
  const [head = '', ...body] = table([right('layouts'), left('refused because')], rows);
  const more = rules.length - RULES_SHOWN;
  return [
    paint('title', head),
    ...body,
    ...(more > 0 ? [`and ${formatInteger(more)} more reasons of their kind`] : []),
  ];
};

const nearestLines = ({ nearest }: WhyNot): readonly string[] => {
  if (nearest === null) return [];
  const { job, stage, peak, over } = nearest;
  const text = `stage ${stage} needs ${formatBytes(peak)}, ${formatBytes(over)} too much: ${layoutLine(job)}`;
  return beside('nearest fit', text, MARGIN);
};

const rivalsTable = ({ rivals, winner }: WhyNot, paint: Paint): readonly string[] => {
  const layouts = layoutColumns(rivals.map(({ candidate }) => candidate.job));
  const rows = rivals.map(({ candidate, loses }) => [
    ...layouts.cells(candidate.job),
    formatSeconds(candidate.evaluation.step),
    winner === null ? '-' : formatChange(candidate.evaluation.step / winner.evaluation.step - 1),
    losesText(loses, winner === null),
  ]);
  const [head = '', ...body] = table([...layouts.columns, right('step'), right('longer'), left('most of it in')], rows);
  return [paint('title', head), ...body];
};

const losesText = (loses: Rival['loses'], isAlone: boolean): string => {
  if (loses !== null) return `${TERM_LABELS[loses.term]} +${formatSeconds(loses.by)}`;
  return isAlone ? '-' : 'no slower';
};
