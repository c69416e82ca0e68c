/** `plan min-gpus`: the fewest devices that will do, every count that was tried, and why the smaller ones fail. */
import { z } from 'zod';
import type { CountTried, FewestDevices } from '../plan/fewest-devices.ts';
import { missesOf } from '../plan/target.ts';
import { formatInteger } from '../units/format.ts';
import type { BandsFile } from '../validate/bands.ts';
import { bandJson, bandSchema } from './band.ts';
import { candidateJson, candidateSchema, figureJson, figureSchema } from './candidate-json.ts';
import { figuresOf } from './figures.ts';
import type { Paint } from './paint.ts';
import { questionJson, questionSchema } from './plan-json.ts';
import { breakdown, footer, heading, pageOf } from './plan-text.ts';
import { wrap, PAGE_WIDTH } from './table.ts';
import type { AnswerTextOptions } from './target.ts';
import { INTERRUPTED, missSchema, targetJson, targetSchema, targetText } from './target.ts';
import type { TrialRow } from './trials.ts';
import { trialJson, trialRow, trialSchema, trialTable } from './trials.ts';
import { questionLine, verdictStrip } from './verdict-strip.ts';

const count = z.int().min(0);

export const fewestSchema = z
  .strictObject({
    schema: z.literal('angel-sim.plan-min-gpus/1'),
    outcome: z.enum(['found', 'none', 'unfinished']),
    question: questionSchema.omit({ devices: true }),
    target: targetSchema.nullable(),
    complete: z.boolean().meta({ description: 'false when the search was interrupted' }),
    devices: count.nullable(),
    is_least: z.boolean().meta({
      description:
        'true when every power of two below a node and number of whole nodes below it was tried or cannot be',
    }),
    least_for_states: count.meta({ description: 'fewer cannot hold weights, gradients and optimizer states once' }),
    plan: candidateSchema.nullable(),
    band: bandSchema,
    tried: z.array(
      z.strictObject({ devices: count, serves: z.boolean(), misses: z.array(missSchema), trial: trialSchema }),
    ),
    untried: z
      .array(count)
      .meta({ description: 'counts below the answer, or of all where there is none, that were not tried' }),
    figures: z.array(figureSchema),
  })
  .meta({ title: 'angel-sim plan min-gpus', description: 'What `angel-sim plan min-gpus --json` prints.' });

export const fewestJson = (found: FewestDevices, bands: BandsFile): z.infer<typeof fewestSchema> => {
  const { fewest, complete } = found;
  const { devices: _asked, ...question } = questionJson(found.scenario);
  return {
    schema: 'angel-sim.plan-min-gpus/1',
    outcome: fewest === null ? (complete ? 'none' : 'unfinished') : 'found',
    question,
    target: found.target === null ? null : targetJson(found.target),
    complete,
    devices: fewest?.job.devices ?? null,
    is_least: isLeast(found),
    least_for_states: found.leastForStates,
    plan: fewest === null ? null : candidateJson(fewest),
    band: fewest === null ? null : bandJson(fewest, bands),
    tried: found.tried.map((tried) => ({
      devices: tried.devices,
      serves: tried.serves,
      misses: missesIn(tried, found).map((miss) => ({ ...miss })),
      trial: trialJson(tried.trial),
    })),
    untried: [...found.untried],
    figures: fewest === null ? [] : figuresOf(fewest).map(figureJson),
  };
};

/** A minimum is claimed only where nothing below it was left out. */
const isLeast = ({ fewest, untried, complete }: FewestDevices): boolean =>
  fewest !== null && untried.length === 0 && complete;

const missesIn = ({ trial }: CountTried, { target }: FewestDevices): ReturnType<typeof missesOf> =>
  target === null || trial.outcome.kind !== 'plan' ? [] : missesOf(trial.outcome.best, target);

export const fewestText = (found: FewestDevices, { bands, paint, sources }: AnswerTextOptions): string => {
  const { scenario, fewest, complete } = found;
  return pageOf([
    fewest === null ? [paint('title', scenario.title), questionLine(scenario)] : heading(scenario.title, fewest, paint),
    wrap(claimText(found, paint), PAGE_WIDTH),
    complete ? [] : [paint('bad', INTERRUPTED)],
    fewest === null ? [] : verdictStrip(fewest, { margin: scenario.memoryMargin, bands, paint }),
    fewest === null ? [] : breakdown(fewest, paint),
    found.tried.length === 0 ? [] : triedTable(found, paint),
    wrap(HOW, PAGE_WIDTH),
    fewest === null ? [] : footer(fewest, sources, paint),
  ]);
};

const HOW =
  'Below a node 1, 2, 4, ... devices are tried, from there on whole nodes: powers of two until one serves, then half the ' +
  'way back to the last that does not, then up to 8 in a row below. Counts without any legal layout are passed over.';

const claimText = (found: FewestDevices, paint: Paint): string => {
  const { fewest, target, untried, tried, leastForStates } = found;
  const served = target === null ? 'a plan fits' : `a plan is done ${targetText(target)}`;
  if (fewest === null) {
    const rest = untried.length === 0 ? '' : ` ${formatInteger(untried.length)} counts were not tried.`;
    return `${paint('bad', 'No number of devices that was tried serves:')} none on which ${served}.${rest}`;
  }
  const { devices } = fewest.job;
  const below = tried.filter((one) => one.devices < devices).length;
  const states =
    leastForStates > 1
      ? ` Fewer than ${formatInteger(leastForStates)} cannot hold weights, gradients and optimizer states.`
      : '';
  const claim =
    untried.length === 0
      ? `${paint('good', `${formatInteger(devices)} devices`)} are the fewest on which ${served}: every smaller ${KIND} fails.`
      : `${paint('good', `${formatInteger(devices)} devices`)} are the fewest found on which ${served}; ${below} smaller ` +
        `counts were tried and fail, ${untried.length} were not tried (${rangeText(untried)}).`;
  return claim + states;
};

/** What the ladder is made of: nothing is said of 5 devices, or of 12 in nodes of 8. */
const KIND = 'power of two below a node and number of whole nodes';

const rangeText = (counts: readonly number[]): string =>
  counts.length <= 4 ? counts.join(', ') : `${counts[0]}, ${counts[1]}, ... ${counts.at(-1)}`;

const triedTable = (found: FewestDevices, paint: Paint): readonly string[] => {
  const rows = found.tried.map((tried): TrialRow => {
    const isPlan = tried.trial.outcome.kind === 'plan';
    const remark = found.target === null || !isPlan ? '' : tried.serves ? 'met' : 'missed';
    return trialRow(formatInteger(tried.devices), tried.trial, remark);
  });
  return trialTable(rows, { title: 'devices', remarks: 'target', paint });
};
