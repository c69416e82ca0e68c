/** Rules that every layout must keep so that a training engine would start it, each with where the rule comes from. */
import { scheduleRule } from '../actors/schedules/schedule.ts';
import type { Job, RecomputeModule } from '../scenario/job.ts';
import { expertDataRanks, microbatchesOf } from '../scenario/job.ts';
import { endsOf, isRegularSplit, positionCount } from '../scenario/layer-split.ts';
import type { Model } from '../scenario/model.ts';
import { layersByPosition } from '../model/stages.ts';

type Rule = (job: Job) => string | null;

const grid: Rule = ({ devices, layout: { tp, cp, pp, dp } }) => {
  if (Number.isInteger(dp) && tp * cp * pp * dp === devices) return null;
  return `tp ${tp} x ${cp === 1 ? '' : `cp ${cp} x `}pp ${pp} does not divide ${devices} devices`;
};

/** Megatron-LM: heads, key-value heads and widths divide by tp. */
const tensorSplit: Rule = ({ model, layout: { tp } }) => {
  const { heads, kvHeads, hidden, experts } = model;
  if (heads % tp !== 0) return `tp ${tp} does not divide ${heads} heads`;
  if (kvHeads % tp !== 0) return `tp ${tp} does not divide ${kvHeads} key-value heads`;
  if (hidden % tp !== 0) return `tp ${tp} does not divide ${hidden} hidden`;
  if (hasDenseLayers(model) && model.ffn % tp !== 0) return `tp ${tp} does not divide ${model.ffn} ffn`;
  const shared = experts?.sharedFfn ?? 0;
  return shared % tp === 0 ? null : `tp ${tp} does not divide ${shared} of the shared experts`;
};
const hasDenseLayers = ({ experts }: Model): boolean => experts === null || experts.layers.includes(false);

/** Megatron-LM: sequence parallelism is switched off with one tensor rank, and cuts the sequence evenly. */
const sequenceSplit: Rule = ({ workload, layout: { tp, cp, sequenceParallel } }) => {
  if (!sequenceParallel) return null;
  if (tp === 1) return 'sequence parallelism needs tp > 1';
  return workload.sequence % (tp * cp) === 0 ? null : `tp ${tp} does not divide a sequence of ${workload.sequence}`;
};

/** Megatron-Core: each context rank takes two parts of a sequence, an early and a late one, so that all see as many keys. */
const contextSplit: Rule = ({ model, workload, layout: { tp, cp, contextKind } }) => {
  if (cp === 1) return null;
  if (workload.sequence % (2 * cp) !== 0) return `2 x cp ${cp} does not divide a sequence of ${workload.sequence}`;
  if (contextKind === 'ring') return null;
  // DeepSpeed-Ulysses: heads are exchanged for positions.
  const { heads, kvHeads } = model;
  if (heads % (tp * cp) !== 0) return `tp ${tp} x cp ${cp} does not divide ${heads} heads, as all-to-all does`;
  return kvHeads % (tp * cp) === 0 ? null : `tp ${tp} x cp ${cp} does not divide ${kvHeads} key-value heads`;
};

/** Megatron-Core: experts divide over their ranks, and those divide the ranks of a stage. */
const expertSplit: Rule = ({ model: { experts }, layout }) => {
  const { tp, ep, etp, sequenceParallel } = layout;
  if (experts === null) return ep * etp === 1 ? null : `ep ${ep} x etp ${etp} needs a model of experts`;
  if (experts.count % ep !== 0) return `ep ${ep} does not divide ${experts.count} experts`;
  if (experts.ffn % etp !== 0) return `etp ${etp} does not divide ${experts.ffn} ffn of an expert`;
  if (!Number.isInteger(expertDataRanks(layout))) return `ep ${ep} x etp ${etp} does not divide the ranks of a stage`;
  return tp > 1 && !sequenceParallel ? 'experts with tp > 1 need sequence parallelism' : null;
};

/** Megatron-LM: layers divide evenly, or do when the embedding and the loss are counted in the split. */
const layerSplit: Rule = ({ model, layout }) => {
  if (isRegularSplit(model.layers, positionCount(layout), endsOf(model, layout))) return null;
  const { pp, vp, firstLayers, lastLayers } = layout;
  const ends = firstLayers === null && lastLayers === null ? '' : ` with ${firstLayers} first and ${lastLayers} last`;
  return `${model.layers} layers do not split over pp ${pp} x vp ${vp}${ends}`;
};

/** Keys that layers share do not travel between stages. */
const sharedKeys: Rule = ({ model, layout }) => {
  if (model.kvShare === 1) return null;
  let start = 0;
  for (const layers of layersByPosition(model, layout)) {
    if (layers > 0 && start % model.kvShare !== 0)
      return `pp ${layout.pp} x vp ${layout.vp} cuts layers apart that share keys`;
    start += layers;
  }
  return null;
};

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
const sharding: Rule = ({ layout }) => {
  const { zero, pp, dp, cp, replicas } = layout;
  if (zero >= 2 && pp > 1) return `ZeRO ${zero} does not go with a pipeline`;
  if (zero > 0 && dp * cp === 1) return `ZeRO ${zero} needs dp > 1`;
  if (replicas === 1) return null;
  if (zero === 0) return `replicas ${replicas} of shards need ZeRO`;
  if ((dp * cp) % replicas !== 0) return `replicas ${replicas} do not divide ${dp * cp} data ranks`;
  const others = expertDataRanks(layout);
  if (others % replicas !== 0) return `replicas ${replicas} do not divide the ${others} data ranks of experts`;
  return layout.schedule === 'dualpipe' ? 'replicas do not go with dualpipe, which holds a copy already' : null;
};

/** Megatron-LM: a chunk cannot recompute more layers than it has. */
const recomputed: Rule = ({ model, recompute, layout }) => {
  if (recompute.kind === 'none') return null;
  if (recompute.kind === 'selective') {
    const missing = recompute.modules.find((module) => !hasModule(model, module));
    return missing === undefined ? null : `${model.name} has no ${missing} to recompute`;
  }
  const most = Math.ceil(model.layers / positionCount(layout));
  return recompute.layers !== 'all' && recompute.layers > most
    ? `${recompute.layers} layers to recompute are more than the ${most} of a model chunk`
    : null;
};

/** True of a model with layers that have the module. */
export const hasModule = (model: Model, module: RecomputeModule): boolean => {
  switch (module) {
    case 'core_attn':
    case 'layernorm':
      return true;
    case 'mlp_act':
    case 'mlp':
      return hasDenseLayers(model);
    case 'mla_up_proj':
      return model.latent !== null;
    case 'moe_act':
    case 'moe':
      return model.experts !== null;
    case 'shared_experts':
      return (model.experts?.sharedFfn ?? 0) > 0;
  }
};

/** Each rule under the key that is most likely wrong when it is broken. */
const RULES: readonly (readonly [path: string, rule: Rule])[] = [
  ['layout.dp', grid],
  ['layout.tp', tensorSplit],
  ['layout.sequenceParallel', sequenceSplit],
  ['layout.cp', contextSplit],
  ['layout.ep', expertSplit],
  ['layout.pp', layerSplit],
  ['layout.pp', sharedKeys],
  ['layout.microbatch', batchSplit],
  ['layout.schedule', scheduled],
  ['layout.zero', sharding],
  ['recompute', recomputed],
];

/** The first rule that the job breaks, in words; null for a job that an engine would start. */
export const ruleAgainst = (job: Job): string | null => {
  for (const [, rule] of RULES) {
    const broken = rule(job);
    if (broken !== null) return broken;
  }
  return null;
};

export interface BrokenRule {
  readonly path: string;
  readonly message: string;
}

/** The first rule under each key that the job breaks. A grid that is none comes alone: the others build upon it. */
export const rulesAgainst = (job: Job): readonly BrokenRule[] => {
  const broken = new Map<string, BrokenRule>();
  for (const [path, rule] of RULES) {
    const message = broken.has('layout.dp') || broken.has(path) ? null : rule(job);
    if (message !== null) broken.set(path, { path, message });
  }
  return [...broken.values()];
};
