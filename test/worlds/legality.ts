/** What a job's model asks of its layout, beyond the rules that every layout keeps. */
import { scheduleRule } from '../../src/actors/schedules/schedule.ts';
import { layerKinds } from '../../src/scenario/layer-kind.ts';
import type { Job, RecomputeModule } from '../../src/scenario/job.ts';
import { expertDataRanks, microbatchesOf } from '../../src/scenario/job.ts';
import { endsOf, isRegularSplit, positionCount, regularSplit } from '../../src/scenario/layer-split.ts';

/** True of a job that an engine would start. */
export const isLegal = (job: Job): boolean => CHECKS.every((holds) => holds(job));

type Check = (job: Job) => boolean;
const divides = (part: number, whole: number): boolean => whole % part === 0;

const grid: Check = ({ devices, layout: { tp, cp, pp, dp } }) => tp * cp * pp * dp === devices;
const sequence: Check = ({ workload, layout: { tp, cp, sequenceParallel } }) =>
  cp === 1 || divides(2 * cp * (sequenceParallel ? tp : 1), workload.sequence);
const heads: Check = ({ model, layout: { tp, cp, contextKind } }) => {
  if (cp === 1) return contextKind === 'ring';
  return contextKind === 'ring' || (divides(tp * cp, model.heads) && divides(tp * cp, model.kvHeads));
};
const experts: Check = ({ model, layout }) => {
  const { tp, cp, dp, ep, etp, sequenceParallel } = layout;
  if (model.experts === null) return ep === 1 && etp === 1;
  const { count, ffn, sharedFfn } = model.experts;
  if (tp > 1 && !sequenceParallel) return false;
  return divides(ep, count) && divides(etp, ffn) && divides(tp, sharedFfn) && divides(ep * etp, tp * cp * dp);
};
const replicas: Check = ({ layout }) => {
  const { cp, dp, replicas: copies, zero } = layout;
  return (
    copies === 1 ||
    (zero > 0 && copies < cp * dp && divides(copies, cp * dp) && divides(copies, expertDataRanks(layout)))
  );
};
const split: Check = ({ model, layout }) => {
  const [count, ends] = [positionCount(layout), endsOf(model, layout)];
  if (layout.pp === 1) return layout.firstLayers === null && layout.lastLayers === null;
  if (!isRegularSplit(model.layers, count, ends)) return false;
  const { first, middle } = regularSplit(model.layers, count, ends)!;
  return model.kvShare === 1 || (first % model.kvShare === 0 && (count === 2 || middle % model.kvShare === 0));
};

const NEEDS: Readonly<Partial<Record<RecomputeModule, Check>>> = {
  moe: ({ model }) => model.experts !== null,
  moe_act: ({ model }) => model.experts !== null,
  shared_experts: ({ model }) => model.experts !== null && model.experts.sharedFfn > 0,
  mla_up_proj: ({ model }) => model.latent !== null,
  mlp: ({ model }) => layerKinds(model).some(({ hasExperts }) => !hasExperts),
  mlp_act: ({ model }) => layerKinds(model).some(({ hasExperts }) => !hasExperts),
};
const modules: Check = (job) =>
  job.recompute.kind !== 'selective' || job.recompute.modules.every((module) => NEEDS[module]?.(job) ?? true);

const core: Check = (job) => {
  const { model, workload, recompute, layout } = job;
  const { tp, pp, dp, cp, vp, microbatch, schedule, zero, sequenceParallel } = layout;
  const { heads: a, kvHeads, hidden, ffn } = model;
  if (![a, kvHeads, hidden, ffn].every((width) => divides(tp, width))) return false;
  if (sequenceParallel && (tp === 1 || workload.sequence % tp !== 0)) return false;
  if (workload.globalBatch % (microbatch * dp) !== 0) return false;
  if (pp === 1 && schedule !== '1f1b') return false;
  if (scheduleRule(schedule, { stages: pp, microbatches: microbatchesOf(job), chunks: vp }) !== null) return false;
  if ((zero >= 2 && pp > 1) || (zero > 0 && dp * cp === 1)) return false;
  const most = Math.ceil(model.layers / positionCount(layout));
  return recompute.kind !== 'full' || recompute.layers === 'all' || recompute.layers <= most;
};

const CHECKS: readonly Check[] = [core, grid, sequence, heads, experts, replicas, split, modules];
