/** Rules that every layout must keep so that a training engine would start it, each with where the rule comes from. */
import { scheduleRule } from '../actors/schedules/schedule.ts';
import type { Job } from '../scenario/job.ts';
import { microbatchesOf } from '../scenario/job.ts';
import { isRegularSplit } from '../scenario/layer-split.ts';

type Rule = (job: Job) => string | null;

const grid: Rule = ({ devices, layout: { tp, pp, dp } }) =>
  Number.isInteger(dp) && tp * pp * dp === devices ? null : `tp ${tp} x pp ${pp} does not divide ${devices} devices`;

/** Megatron-LM: heads, key-value heads and widths divide by tp. */
const tensorSplit: Rule = ({ model, layout: { tp } }) => {
  const { heads, kvHeads, hidden, ffn } = model;
  const uneven = Object.entries({ heads, 'key-value heads': kvHeads, hidden, ffn }).find(([, size]) => size % tp !== 0);
  return uneven === undefined ? null : `tp ${tp} does not divide ${uneven[1]} ${uneven[0]}`;
};

/** Megatron-LM: sequence parallelism is switched off with one tensor rank, and cuts the sequence evenly. */
const sequenceSplit: Rule = ({ workload, layout: { tp, sequenceParallel } }) => {
  if (!sequenceParallel) return null;
  if (tp === 1) return 'sequence parallelism needs tp > 1';
  return workload.sequence % tp === 0 ? null : `tp ${tp} does not divide a sequence of ${workload.sequence}`;
};

/** Megatron-LM: layers divide evenly, or do when the embedding and the loss are counted in the split. */
const layerSplit: Rule = ({ model, layout: { pp, vp } }) =>
  isRegularSplit(model.layers, pp * vp) ? null : `${model.layers} layers do not split over pp ${pp} x vp ${vp}`;

/** Megatron-LM's microbatch calculator: whole microbatches on every data rank. */
const batchSplit: Rule = ({ workload, layout: { microbatch, dp } }) =>
  workload.globalBatch % (microbatch * dp) === 0
    ? null
    : `a batch of ${workload.globalBatch} does not split into microbatches of ${microbatch} on dp ${dp}`;

const scheduled: Rule = (job) => {
  const { schedule, pp, vp } = job.layout;
  if (pp === 1 && schedule !== '1f1b') return `schedule ${schedule} without a pipeline is 1f1b`;
  return scheduleRule(schedule, { stages: pp, microbatches: microbatchesOf(job), chunks: vp });
};

/** DeepSpeed: ZeRO 2 and 3 do not go with a pipeline, whose passes would reduce gradients in every microbatch. */
const sharding: Rule = ({ layout: { zero, pp, dp } }) => {
  if (zero >= 2 && pp > 1) return `ZeRO ${zero} does not go with a pipeline`;
  return zero > 0 && dp === 1 ? `ZeRO ${zero} needs dp > 1` : null;
};

/** Megatron-LM: a chunk cannot recompute more layers than it has. */
const recomputed: Rule = ({ model, recompute, layout: { pp, vp } }) => {
  const most = Math.ceil(model.layers / (pp * vp));
  return recompute.kind === 'full' && recompute.layers !== 'all' && recompute.layers > most
    ? `${recompute.layers} layers to recompute are more than the ${most} of a model chunk`
    : null;
};

const RULES: readonly Rule[] = [
  grid,
  tensorSplit,
  sequenceSplit,
  layerSplit,
  batchSplit,
  scheduled,
  sharding,
  recomputed,
];

/** The first rule that the job breaks, in words; null for a job that an engine would start. */
export const ruleAgainst = (job: Job): string | null => {
  for (const rule of RULES) {
    const broken = rule(job);
    if (broken !== null) return broken;
  }
  return null;
};
