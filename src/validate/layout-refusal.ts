/** Why no engine could run the job that a row was read as. */
import type { Job } from '../scenario/job.ts';
import { expertDataRanks, microbatchesOf } from '../scenario/job.ts';

type Rule = (job: Job) => string | null;

const grid: Rule = ({ layout: { tp, cp, pp, dp }, devices }) =>
  Number.isInteger(dp) && tp * cp * pp * dp === devices
    ? null
    : `tp ${tp} x ${cp === 1 ? '' : `cp ${cp} x `}pp ${pp} does not divide ${devices} cards`;

const tensorRanks: Rule = ({ model: { heads, ffn }, layout: { tp } }) => {
  if (heads % tp !== 0) return `tp ${tp} does not divide ${heads} heads`;
  return ffn % tp === 0 ? null : `tp ${tp} does not divide ffn ${ffn}`;
};

/** In a ring each rank has a part from the front of the sequence and one from its back, so that all see as many pairs. */
const contextRanks: Rule = ({ model: { heads, kvHeads }, layout: { tp, cp, contextKind }, workload: { sequence } }) => {
  if (cp === 1) return null;
  const parts = contextKind === 'ring' ? 2 * cp : cp;
  if (sequence % parts !== 0) return `cp ${cp} does not cut ${sequence} tokens into ${parts} parts`;
  if (contextKind === 'ring' || [heads, kvHeads].every((count) => count % (tp * cp) === 0)) return null;
  return `tp ${tp} x cp ${cp} does not divide ${heads} heads and ${kvHeads} key-value heads, which are exchanged`;
};

const expertRanks: Rule = ({ model: { experts }, layout }) => {
  const { tp, cp, dp, ep, etp, replicas } = layout;
  if (experts === null) return ep === 1 ? null : `ep ${ep} of a model without experts`;
  if (experts.count % ep !== 0) return `ep ${ep} does not divide ${experts.count} experts`;
  if (experts.ffn % etp !== 0) return `etp ${etp} does not divide an expert's ffn ${experts.ffn}`;
  const ranks = tp * cp * dp;
  if (ranks % (ep * etp) !== 0) return `ep ${ep} x etp ${etp} does not divide the ${ranks} ranks of a stage`;
  const copies = expertDataRanks(layout);
  return copies % replicas === 0
    ? null
    : `${replicas} groups that shard do not divide the ${copies} copies of an expert`;
};

const stages: Rule = ({ model, layout: { pp, vp } }) =>
  model.layers < pp * vp - 2 ? `pp ${pp} x vp ${vp} is more than ${model.layers} layers` : null;

const batch: Rule = ({ workload, layout }) =>
  Number.isInteger(microbatchesOf({ layout, workload }))
    ? null
    : `dp ${layout.dp} x mbs ${layout.microbatch} does not divide gbs ${workload.globalBatch}`;

const RULES: readonly Rule[] = [grid, tensorRanks, contextRanks, expertRanks, stages, batch];

/** Null when one could. */
export const layoutRefusal = (job: Job): string | null => {
  for (const rule of RULES) {
    const refusal = rule(job);
    if (refusal !== null) return refusal;
  }
  return null;
};
