/** A candidate as JSON: one schema, which also writes the JSON Schema we ship, and the function that fills it. */
import { z } from 'zod';
import { AXES } from '../effects/group.ts';
import { PURPOSES } from '../memory/purpose.ts';
import type { Candidate, Outlook } from '../plan/plan.ts';
import { PROVENANCES } from '../scenario/cluster.ts';
import type { Job, Recompute } from '../scenario/job.ts';
import { CONTEXT_KINDS, PRECISIONS, RECOMPUTE_MODULES, SCHEDULES } from '../scenario/job.ts';
import type { StageReport } from '../sim/evaluation.ts';
import { FIDELITIES, TERMS } from '../sim/evaluation.ts';
import type { UsedFigure } from './figures.ts';
import { keyed } from './json.ts';
import { paymentsJson, paymentsSchema } from './price.ts';

const count = z.int().min(0);
const time = z.number().min(0);
const size = z.number().min(0);

export const layoutSchema = z.strictObject({
  devices: count,
  tp: count,
  cp: count,
  context_kind: z.enum(CONTEXT_KINDS).nullable().meta({ description: 'null with one context rank' }),
  ep: count,
  etp: count.meta({ description: 'tensor ranks of one expert' }),
  pp: count,
  vp: count.meta({ description: 'model chunks a pipeline rank' }),
  first_layers: count.nullable().meta({ description: 'of the first model chunk; null: the even split' }),
  last_layers: count.nullable(),
  dp: count,
  replicas: count.meta({ description: 'copies of what ZeRO shards' }),
  microbatch: count.meta({ description: 'sequences a microbatch' }),
  schedule: z.enum(SCHEDULES),
  zero: z.int().min(0).max(3),
  sequence_parallel: z.boolean(),
  precision: z.enum(PRECISIONS),
  recompute: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('none') }),
    z.strictObject({ kind: z.literal('selective'), modules: z.array(z.enum(RECOMPUTE_MODULES)) }),
    z.strictObject({ kind: z.literal('full'), layers: z.union([count, z.literal('all')]) }),
  ]),
  offload: z.strictObject({
    optimizer: z.enum(['none', 'dram']),
    activations: z.number().min(0).max(1).meta({ description: 'share of the layers' }),
  }),
});

const utilisationSchema = z.strictObject({
  mfu_full: z.number().meta({ description: 'model FLOPs over the dense peak, attention counted in full' }),
  mfu_causal: z.number().meta({ description: 'the same with attention counted below the diagonal only' }),
  mfu_6nd: z.number().meta({ description: '6 N D over the dense peak' }),
  hfu: z.number().meta({ description: 'every FLOP executed, recomputation included, over the dense peak' }),
  peak_dtype: z.string(),
});

const runSchema = z.strictObject({
  steps: z.number().min(0),
  time_s: time,
  days: time,
  device_hours: time,
  dollars_low: z.number().min(0).nullable().meta({ description: 'null when the cluster has no price' }),
  dollars_high: z.number().min(0).nullable(),
  energy_j: z.number().min(0),
  pue: z.number().min(1),
});

export const summarySchema = z.strictObject({
  layout: layoutSchema,
  fidelity: z.enum(FIDELITIES),
  step_s: time,
  tokens_per_s: z.number().min(0),
  tokens_per_day: z.number().min(0),
  tokens_per_s_per_device: z.number().min(0),
  utilisation: utilisationSchema,
  memory: z.strictObject({
    stage: count,
    peak_bytes: size,
    capacity_bytes: size,
    headroom_bytes: z.number().meta({ description: 'negative when the layout does not fit' }),
  }),
  run: runSchema.nullable(),
});

const stageSchema = z.strictObject({
  stage: count,
  layers: z.array(count).meta({ description: 'layers of each model chunk' }),
  parameters: count,
  terms_s: z.strictObject(keyed(TERMS, () => time)).meta({ description: 'the terms add up to the step' }),
  memory: z.strictObject({
    total_bytes: size,
    by_purpose_bytes: z.strictObject(keyed(PURPOSES, () => size)).meta({ description: 'adds up to total_bytes' }),
    moment: z.string(),
  }),
  filled_at_s: time,
  drains_at_s: time,
});

export const candidateSchema = z.strictObject({
  ...summarySchema.shape,
  payments: paymentsSchema,
  stages: z.array(stageSchema),
  hardware_flops: z.number().min(0),
  sent_bytes: z.strictObject(keyed(AXES, () => size)).meta({ description: 'by one rank of the busiest stage, a step' }),
});

export const figureSchema = z.strictObject({
  key: z.string(),
  value: z.number(),
  unit: z.string(),
  from: z.enum(PROVENANCES),
  source: z.string(),
});

export const publishedSchema = z
  .strictObject({ mfu_full: z.number(), from: z.enum(PROVENANCES), source: z.string(), is_exceeded: z.boolean() })
  .nullable()
  .meta({ description: 'the best published MFU of a large run on this card, and whether the prediction is above it' });

export const layoutJson = ({ devices, layout, precision, recompute, offload }: Job): z.infer<typeof layoutSchema> => ({
  devices,
  tp: layout.tp,
  cp: layout.cp,
  context_kind: layout.cp === 1 ? null : layout.contextKind,
  ep: layout.ep,
  etp: layout.etp,
  pp: layout.pp,
  vp: layout.vp,
  first_layers: layout.firstLayers,
  last_layers: layout.lastLayers,
  dp: layout.dp,
  replicas: layout.replicas,
  microbatch: layout.microbatch,
  schedule: layout.schedule,
  zero: layout.zero,
  sequence_parallel: layout.sequenceParallel,
  precision,
  recompute: recomputeJson(recompute),
  offload: { optimizer: offload.optimizer, activations: offload.activations },
});

const recomputeJson = (recompute: Recompute): z.infer<typeof layoutSchema>['recompute'] => {
  switch (recompute.kind) {
    case 'none':
      return { kind: 'none' };
    case 'selective':
      return { kind: 'selective', modules: [...recompute.modules] };
    case 'full':
      return { kind: 'full', layers: recompute.layers };
    default:
      return recompute satisfies never;
  }
};

export const summaryJson = ({ job, evaluation, outlook }: Candidate): z.infer<typeof summarySchema> => ({
  layout: layoutJson(job),
  fidelity: evaluation.fidelity,
  step_s: evaluation.step,
  tokens_per_s: outlook.tokensPerSecond,
  tokens_per_day: outlook.tokensPerDay,
  tokens_per_s_per_device: outlook.tokensPerSecondPerDevice,
  utilisation: {
    mfu_full: outlook.utilisation.mfuFull,
    mfu_causal: outlook.utilisation.mfuCausal,
    mfu_6nd: outlook.utilisation.mfu6nd,
    hfu: outlook.utilisation.hfu,
    peak_dtype: outlook.utilisation.peakDtype,
  },
  memory: {
    stage: outlook.memory.stage,
    peak_bytes: outlook.memory.peak,
    capacity_bytes: outlook.memory.capacity,
    headroom_bytes: outlook.memory.headroom,
  },
  run: runJson(job, outlook),
});

export const candidateJson = (candidate: Candidate): z.infer<typeof candidateSchema> => ({
  ...summaryJson(candidate),
  payments: paymentsJson(candidate.job.cluster),
  stages: candidate.evaluation.stages.map(stageJson),
  hardware_flops: candidate.evaluation.hardwareFlops,
  sent_bytes: keyed(AXES, (axis) => candidate.evaluation.sent[axis]),
});

export const figureJson = ({ key, value, unit, from, source }: UsedFigure): z.infer<typeof figureSchema> => ({
  key,
  value,
  unit,
  from,
  source,
});

export const publishedJson = ({ job, outlook }: Candidate): z.infer<typeof publishedSchema> => {
  const best = job.cluster.bestMfu;
  if (best === null) return null;
  const { value, from, source } = best;
  return { mfu_full: value, from, source, is_exceeded: outlook.utilisation.mfuFull > value };
};

const runJson = ({ cluster }: Job, { run }: Outlook): z.infer<typeof runSchema> | null =>
  run === null
    ? null
    : {
        steps: run.steps,
        time_s: run.time,
        days: run.days,
        device_hours: run.deviceHours,
        dollars_low: run.dollars?.low ?? null,
        dollars_high: run.dollars?.high ?? null,
        energy_j: run.energy,
        pue: cluster.pue.value,
      };

const stageJson = (report: StageReport): z.infer<typeof stageSchema> => ({
  stage: report.stage,
  layers: [...report.layers],
  parameters: report.parameters,
  terms_s: keyed(TERMS, (term) => report.terms[term]),
  memory: {
    total_bytes: report.memory.total,
    by_purpose_bytes: keyed(PURPOSES, (purpose) => report.memory.byPurpose[purpose]),
    moment: report.memory.moment,
  },
  filled_at_s: report.filledAt,
  drains_at_s: report.drainsAt,
});
