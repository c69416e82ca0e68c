/** `plan --json`: the whole answer, versioned, without elapsed times, so that equal questions give equal bytes. */
import { z } from 'zod';
import type { JobOutlook } from '../plan/job-outlook.ts';
import type { Answer, Infeasible, Neighbour, Plan, SearchCounts, Unfinished, Verdict } from '../plan/plan.ts';
import type { Scenario } from '../scenario/scenario.ts';
import { PRECISIONS } from '../scenario/job.ts';
import type { BandsFile } from '../validate/bands.ts';
import { bandJson, bandSchema } from './band.ts';
import {
  candidateJson,
  candidateSchema,
  figureJson,
  figureSchema,
  layoutJson,
  layoutSchema,
  publishedJson,
  publishedSchema,
  summaryJson,
  summarySchema,
} from './candidate-json.ts';
import { activeParameterCount, parameterCount } from '../scenario/parameters.ts';
import { figuresOf } from './figures.ts';
import { lifeJson, lifeSchema } from './job-time-json.ts';

const count = z.int().min(0);

export const questionSchema = z.strictObject({
  title: z.string(),
  model: z.string(),
  parameters: count.meta({ description: 'of the model, before it is sharded or padded' }),
  active_parameters: count.meta({ description: 'that a token goes through: of routed experts the active ones' }),
  cluster: z.string(),
  devices: z.array(count),
  sequence: count.meta({ description: 'tokens a sequence' }),
  global_batch: count.meta({ description: 'sequences a step' }),
  tokens: z.number().nullable().meta({ description: 'of the whole run; null when only the step is asked about' }),
  precision: z.array(z.enum(PRECISIONS)),
  memory_margin: z.number().meta({ description: 'share of the card that a plan must leave free' }),
  seed: z.int(),
});

export const verdictSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('rule'), rule: z.string() }),
  z.strictObject({ kind: z.literal('memory'), stage: count, peak_bytes: z.number(), limit_bytes: z.number() }),
  z.strictObject({ kind: z.literal('bound'), bound_s: z.number() }),
  z.strictObject({ kind: z.literal('simulated'), step_s: z.number() }),
]);

const countsSchema = z.strictObject({
  considered: count,
  by_rule: count,
  by_memory: count,
  by_bound: count,
  simulated: count,
});

const neighbourSchema = z.strictObject({
  change: z.string(),
  layout: layoutSchema,
  verdict: verdictSchema,
  reason: z.string(),
});

const fixSchema = z.strictObject({
  edits: z.array(z.strictObject({ key: z.string(), value: z.string() })),
  outcome: summarySchema,
});

const foundSchema = z.strictObject({
  schema: z.literal('angel-sim.plan/1'),
  outcome: z.literal('plan'),
  question: questionSchema,
  complete: z.boolean().meta({ description: 'false when the search was interrupted' }),
  winner: candidateSchema,
  band: bandSchema,
  published: publishedSchema,
  runners_up: z.array(summarySchema),
  front: z
    .array(summarySchema)
    .meta({ description: 'Pareto front of time, dollars, free memory and cards, fastest first' }),
  neighbours: z.array(neighbourSchema),
  counts: countsSchema,
  job_time: lifeSchema
    .optional()
    .meta({ description: 'the whole run with failures; only there when the scenario names its reliability' }),
  figures: z.array(figureSchema).meta({ description: 'what the prediction of the winner stands on' }),
});

const infeasibleSchema = z.strictObject({
  schema: z.literal('angel-sim.plan/1'),
  outcome: z.literal('infeasible'),
  question: questionSchema,
  binding: z.strictObject({ text: z.string(), verdict: verdictSchema, layout: layoutSchema.nullable() }),
  fixes: z.array(fixSchema),
  counts: countsSchema,
});

const unfinishedSchema = z
  .strictObject({
    schema: z.literal('angel-sim.plan/1'),
    outcome: z.literal('unfinished'),
    question: questionSchema,
    counts: countsSchema,
  })
  .meta({ description: 'interrupted before any layout was simulated' });

export const planSchema = z
  .discriminatedUnion('outcome', [foundSchema, infeasibleSchema, unfinishedSchema])
  .meta({ title: 'angel-sim plan', description: 'What `angel-sim plan --json` prints. Units are in the names.' });

/** `life`: the whole run of the winner; null where nothing was said of failures. */
export const planJson = (
  answer: Answer,
  bands: BandsFile,
  life: JobOutlook | null = null,
): z.infer<typeof planSchema> => {
  switch (answer.kind) {
    case 'plan':
      return foundJson(answer, bands, life);
    case 'infeasible':
      return infeasibleJson(answer);
    case 'unfinished':
      return unfinishedJson(answer);
    default:
      return answer satisfies never;
  }
};

const foundJson = (plan: Plan, bands: BandsFile, life: JobOutlook | null): z.infer<typeof foundSchema> => ({
  schema: 'angel-sim.plan/1',
  outcome: 'plan',
  question: questionJson(plan.scenario),
  complete: plan.complete,
  winner: candidateJson(plan.winner),
  band: bandJson(plan.winner, bands),
  published: publishedJson(plan.winner),
  runners_up: plan.runnersUp.map(summaryJson),
  front: plan.front.map(summaryJson),
  neighbours: plan.neighbours.map(neighbourJson),
  counts: countsJson(plan.counts),
  ...(life === null ? {} : { job_time: lifeJson(life) }),
  figures: figuresOf(plan.winner).map(figureJson),
});

const infeasibleJson = ({ scenario, binding, fixes, counts }: Infeasible): z.infer<typeof infeasibleSchema> => ({
  schema: 'angel-sim.plan/1',
  outcome: 'infeasible',
  question: questionJson(scenario),
  binding: {
    text: binding.text,
    verdict: verdictJson(binding.verdict),
    layout: binding.job === null ? null : layoutJson(binding.job),
  },
  fixes: fixes.map(({ edits, outcome }) => ({
    edits: edits.map(({ key, value }) => ({ key, value })),
    outcome: summaryJson(outcome),
  })),
  counts: countsJson(counts),
});

const unfinishedJson = ({ scenario, counts }: Unfinished): z.infer<typeof unfinishedSchema> => ({
  schema: 'angel-sim.plan/1',
  outcome: 'unfinished',
  question: questionJson(scenario),
  counts: countsJson(counts),
});

export const questionJson = (scenario: Scenario): z.infer<typeof questionSchema> => ({
  title: scenario.title,
  model: scenario.model.name,
  parameters: parameterCount(scenario.model),
  active_parameters: activeParameterCount(scenario.model),
  cluster: scenario.cluster.name,
  devices: [...scenario.devices],
  sequence: scenario.workload.sequence,
  global_batch: scenario.workload.globalBatch,
  tokens: scenario.workload.tokens,
  precision: [...scenario.precision],
  memory_margin: scenario.memoryMargin,
  seed: scenario.seed,
});

const neighbourJson = ({ change, job, verdict, reason }: Neighbour): z.infer<typeof neighbourSchema> => ({
  change,
  layout: layoutJson(job),
  verdict: verdictJson(verdict),
  reason,
});

const countsJson = (counts: SearchCounts): z.infer<typeof countsSchema> => ({
  considered: counts.considered,
  by_rule: counts.byRule,
  by_memory: counts.byMemory,
  by_bound: counts.byBound,
  simulated: counts.simulated,
});

export const verdictJson = (verdict: Verdict): z.infer<typeof verdictSchema> => {
  switch (verdict.kind) {
    case 'rule':
      return { kind: 'rule', rule: verdict.rule };
    case 'memory':
      return { kind: 'memory', stage: verdict.stage, peak_bytes: verdict.peak, limit_bytes: verdict.limit };
    case 'bound':
      return { kind: 'bound', bound_s: verdict.bound };
    case 'simulated':
      return { kind: 'simulated', step_s: verdict.step };
    default:
      return verdict satisfies never;
  }
};
