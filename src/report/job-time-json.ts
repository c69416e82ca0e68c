/** `job --json`: the run of weeks as data, one schema for what is printed and what is published. */
import { z } from 'zod';
import type { CheckpointOutlook, JobOutlook, Percentiles } from '../plan/job-outlook.ts';
import { CHECKPOINT_KINDS, COMPONENTS } from '../scenario/reliability.ts';
import { CAUSES } from '../sim/job-time/course.ts';
import { figureJson, figureSchema, summaryJson, summarySchema } from './candidate-json.ts';
import { reliabilityFigures } from './job-figures.ts';
import { keyed } from './json.ts';

const time = z.number().min(0);
const number = z.number().min(0);

const percentiles = (description: string) =>
  z.strictObject({ p10: number, p50: number, p90: number }).nullable().meta({ description });

const range = z.strictObject({ low: number, high: number });

const checkpointSchema = z.strictObject({
  kind: z.enum(CHECKPOINT_KINDS),
  is_chosen: z.boolean().meta({ description: 'found by sweep, not given in the scenario' }),
  steps: z.int().min(1),
  every_s: time,
  blocks_s: time.meta({ description: 'training waits so long for each' }),
  drains_s: time.meta({ description: 'from there until storage has it' }),
  storage_busy: z.number().min(0).max(1).meta({ description: 'share of the time in which storage is written to' }),
  young_s: time.nullable().meta({ description: 'sqrt(2 C M); null when nothing fails' }),
  daly_s: time.nullable(),
  daly_wall_s: time.nullable().meta({ description: "Daly's expected time of the run at the interval taken" }),
  swept: z.array(z.strictObject({ steps: z.int().min(1), every_s: time, wall_s: time })),
});

/** What is said of a run wherever it is said: by itself, and beside a plan. */
export const lifeSchema = z.strictObject({
  seeds: z.int().min(1).meta({ description: 'runs that were drawn' }),
  unfinished: z.int().min(0).meta({ description: 'of them failed more often than they came on, and are left out' }),
  nodes: z.int().min(1),
  spares: z.int().min(0),
  failures_per_day: z.strictObject(keyed(COMPONENTS, () => number)),
  mtbf_s: time.nullable(),
  useful_s: time.meta({ description: 'steps times step time' }),
  wall_s: percentiles('null when no run ended'),
  goodput: percentiles('useful step time over wall time'),
  effective_training_time: percentiles('time in steps that counted over wall time, as Llama 3 reports it'),
  interruptions: percentiles('failures that stopped the job'),
  interruptions_mean: z.strictObject(keyed(COMPONENTS, () => number)),
  lost_s: z
    .strictObject(keyed(CAUSES, () => time))
    .meta({ description: 'on average; with useful_s it adds up to the mean wall time' }),
  regroupings_mean: number,
  checkpoint: checkpointSchema,
  dollars: z
    .strictObject({ p10: range, p50: range, p90: range })
    .nullable()
    .meta({ description: 'of the job and its spares; null when the cluster has no price, or no run ended' }),
  figures: z.array(figureSchema).meta({ description: 'what the run was drawn from' }),
});

export const lifeJson = (outlook: JobOutlook): z.infer<typeof lifeSchema> => {
  const { reliability, seeds, unfinished } = outlook;
  const spread = ({ p10, p50, p90 }: Percentiles) => (unfinished < seeds ? { p10, p50, p90 } : null);
  return {
    seeds,
    unfinished,
    nodes: outlook.nodes,
    spares: outlook.spares,
    failures_per_day: keyed(COMPONENTS, (name) => outlook.daily[name]),
    mtbf_s: outlook.mtbf,
    useful_s: outlook.useful,
    wall_s: spread(outlook.wall),
    goodput: spread(outlook.goodput),
    effective_training_time: spread(outlook.effective),
    interruptions: spread(outlook.interruptions),
    interruptions_mean: keyed(COMPONENTS, (name) => outlook.byComponent[name]),
    lost_s: keyed(CAUSES, (cause) => outlook.lost[cause]),
    regroupings_mean: outlook.regroupings,
    checkpoint: checkpointJson(outlook.checkpoint, reliability.checkpoint.way.kind),
    dollars: unfinished < seeds ? dollarsJson(outlook) : null,
    figures: reliabilityFigures(outlook).map(figureJson),
  };
};

export const jobTimeSchema = z
  .strictObject({
    schema: z.literal('angel-sim.job/1'),
    title: z.string(),
    model: z.string(),
    cluster: z.string(),
    seed: z.int().meta({ description: 'of the first run; the others follow it' }),
    plan: summarySchema.meta({ description: 'the layout, and the run as if nothing failed' }),
    ...lifeSchema.shape,
  })
  .meta({ title: 'angel-sim job', description: 'What `angel-sim job --json` prints. Units are in the names.' });

export const jobTimeJson = (outlook: JobOutlook, title: string): z.infer<typeof jobTimeSchema> => {
  const { candidate } = outlook;
  const { model, cluster, seed } = candidate.job;
  return {
    schema: 'angel-sim.job/1',
    title,
    model: model.name,
    cluster: cluster.name,
    seed,
    plan: summaryJson(candidate),
    ...lifeJson(outlook),
  };
};

const dollarsJson = ({ dollars }: JobOutlook): z.infer<typeof lifeSchema>['dollars'] => {
  if (dollars === null) return null;
  const { p10, p50, p90 } = dollars;
  return { p10: { ...p10 }, p50: { ...p50 }, p90: { ...p90 } };
};

const checkpointJson = (
  { isChosen, steps, every, blocks, drains, storageBusy, young, daly, dalyWall, swept }: CheckpointOutlook,
  kind: z.infer<typeof checkpointSchema>['kind'],
): z.infer<typeof checkpointSchema> => ({
  kind,
  is_chosen: isChosen,
  steps,
  every_s: every,
  blocks_s: blocks,
  drains_s: drains,
  storage_busy: storageBusy,
  young_s: young,
  daly_s: daly,
  daly_wall_s: dalyWall,
  swept: swept.map((tried) => ({ steps: tried.steps, every_s: tried.every, wall_s: tried.wall })),
});
