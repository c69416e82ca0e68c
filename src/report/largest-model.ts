/** `plan max-model`: the largest model that trains there, its layout, and what binds the next larger one. */
import { z } from 'zod';
import { PURPOSES } from '../memory/purpose.ts';
import type { LargestModel, Obstacle, SizeTried } from '../plan/largest-model.ts';
import type { Model } from '../scenario/model.ts';
import { parameterCount } from '../scenario/parameters.ts';
import { formatBytes, formatCount } from '../units/format.ts';
import type { BandsFile } from '../validate/bands.ts';
import { bandJson, bandSchema } from './band.ts';
import { candidateJson, candidateSchema, figureJson, figureSchema } from './candidate-json.ts';
import { figuresOf } from './figures.ts';
import { PURPOSE_LABELS } from './memory-table.ts';
import type { Paint } from './paint.ts';
import { questionJson, questionSchema } from './plan-json.ts';
import { breakdown, footer, heading, pageOf } from './plan-text.ts';
import { left, right, table, wrap, PAGE_WIDTH } from './table.ts';
import type { AnswerTextOptions } from './target.ts';
import { INTERRUPTED } from './target.ts';
import { trialJson, trialSchema } from './trials.ts';
import { questionLine, verdictStrip } from './verdict-strip.ts';

const count = z.int().min(0);

const modelSchema = z.strictObject({
  parameters: count,
  layers: count,
  hidden: count,
  heads: count,
  kv_heads: count,
  ffn: count,
});

export const largestSchema = z
  .strictObject({
    schema: z.literal('angel-sim.plan-max-model/1'),
    outcome: z.enum(['found', 'none', 'unfinished']),
    question: questionSchema,
    complete: z.boolean().meta({ description: 'false when the search was interrupted' }),
    model: modelSchema.nullable(),
    plan: candidateSchema.nullable(),
    band: bandSchema,
    obstacle: z
      .strictObject({
        model: modelSchema,
        reason: z.string(),
        largest: z
          .strictObject({ stage: count, purpose: z.enum(PURPOSES), bytes: z.number() })
          .nullable()
          .meta({ description: 'what fills the leanest layout of the next larger model most' }),
      })
      .nullable(),
    tried: z.array(z.strictObject({ model: modelSchema, trial: trialSchema })),
    untried: count.meta({ description: 'larger models below the bound of the states that were not tried' }),
    figures: z.array(figureSchema),
  })
  .meta({ title: 'angel-sim plan max-model', description: 'What `angel-sim plan max-model --json` prints.' });

export const largestJson = (found: LargestModel, bands: BandsFile): z.infer<typeof largestSchema> => {
  const { largest, obstacle, complete } = found;
  return {
    schema: 'angel-sim.plan-max-model/1',
    outcome: largest === null ? (complete ? 'none' : 'unfinished') : 'found',
    question: questionJson(found.scenario),
    complete,
    model: largest === null ? null : modelJson(largest.job.model),
    plan: largest === null ? null : candidateJson(largest),
    band: largest === null ? null : bandJson(largest, bands),
    obstacle: obstacle === null ? null : obstacleJson(obstacle),
    tried: found.tried.map(({ model, trial }) => ({ model: modelJson(model), trial: trialJson(trial) })),
    untried: found.untried,
    figures: largest === null ? [] : figuresOf(largest).map(figureJson),
  };
};

const modelJson = (model: Model): z.infer<typeof modelSchema> => ({
  parameters: parameterCount(model),
  layers: model.layers,
  hidden: model.hidden,
  heads: model.heads,
  kv_heads: model.kvHeads,
  ffn: model.ffn,
});

const obstacleJson = ({ model, binding, largest }: Obstacle): z.infer<typeof largestSchema>['obstacle'] => ({
  model: modelJson(model),
  reason: binding.text,
  largest: largest === null ? null : { stage: largest.stage, purpose: largest.purpose, bytes: largest.size },
});

export const largestText = (found: LargestModel, { bands, paint, sources }: AnswerTextOptions): string => {
  const { scenario, largest, obstacle, complete, tried } = found;
  return pageOf([
    largest === null
      ? [paint('title', scenario.title), questionLine(scenario)]
      : heading(scenario.title, largest, paint),
    wrap(claimText(found, paint), PAGE_WIDTH),
    complete ? [] : [paint('bad', INTERRUPTED)],
    largest === null ? [] : verdictStrip(largest, { margin: scenario.memoryMargin, bands, paint }),
    largest === null ? [] : breakdown(largest, paint),
    obstacle === null ? [] : wrap(obstacleText(obstacle), PAGE_WIDTH),
    tried.length === 0 ? [] : triedTable(tried, paint),
    wrap(RULE, PAGE_WIDTH),
    largest === null ? [] : footer(largest, sources, paint),
  ]);
};

const RULE =
  'Sizes: the layers in steps of 4; heads of the same width, as many a layer as in the model given, in multiples of its ' +
  'key-value heads (of what 8 and its heads have in common without groups); hidden and MLP widths grow with the heads, in multiples of 128; vocabulary and ' +
  'number of experts stay. Tried from the largest that could fit downwards: powers of two, bisection, then 8 in a row.';

const shapeText = (model: Model): string => `${model.layers} layers of ${model.hidden}, ${model.heads} heads`;

const claimText = ({ scenario, largest, untried }: LargestModel, paint: Paint): string => {
  const { name } = scenario.model;
  if (largest === null) return `${paint('bad', 'No model')} of the family of ${name} that was tried fits.`;
  const { model } = largest.job;
  const size = paint('good', `${formatCount(parameterCount(model))} parameters`);
  const rest = untried === 0 ? 'every larger one fails' : `${untried} larger ones were not tried`;
  return `The largest model like ${name} that fits has ${size} (${shapeText(model)}); ${rest}.`;
};

const obstacleText = ({ parameters, model, binding, largest }: Obstacle): string => {
  const most =
    largest === null
      ? ''
      : ` Most of it: ${formatBytes(largest.size)} of ${PURPOSE_LABELS[largest.purpose]} on stage ${largest.stage}.`;
  return `The next larger one tried, ${formatCount(parameters)} (${shapeText(model)}), fails. ${binding.text}.${most}`;
};

const triedTable = (tried: readonly SizeTried[], paint: Paint): readonly string[] => {
  const rows = tried.map(({ model, parameters, trial }) => [
    formatCount(parameters),
    String(model.layers),
    String(model.hidden),
    String(model.heads),
    String(model.ffn),
    trial.outcome.kind === 'plan' ? 'fits' : trial.outcome.kind === 'infeasible' ? 'does not fit' : 'not known',
  ]);
  const titles = ['parameters', 'layers', 'hidden', 'heads', 'ffn'].map(right);
  const [head = '', ...body] = table([...titles, left('outcome')], rows);
  return [paint('title', head), ...body];
};
