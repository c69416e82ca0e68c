/** The layouts that a row may have run with: one where it says everything, else all that are consistent, preferred first. */
import type { Cluster } from '../scenario/cluster.ts';
import type { Job, Layout, Precision, Recompute, Software } from '../scenario/job.ts';
import { microbatchesOf } from '../scenario/job.ts';
import type { Model } from '../scenario/model.ts';
import type { Batch } from './batch.ts';
import { batchesOf } from './batch.ts';
import type { Filled } from './filled.ts';
import { assume, stated } from './filled.ts';
import { habitsOf } from './framework.ts';
import type { Row } from './row.ts';
import type { Pipelining } from './spelling.ts';
import { recomputesOf } from './spelling.ts';

/** What is settled before a layout is chosen. */
export interface Setting {
  readonly model: Model;
  readonly sequence: number;
  readonly cluster: Cluster;
  readonly devices: number;
  readonly precision: Precision;
  readonly software: Software;
  readonly pipelining: Filled<Pipelining>;
}

/**
 * Every job that the row may mean, legal or not. Of the legal ones the first that fits is meant: recomputation is given
 * up last, then cards a replica, then the microbatch.
 */
export const candidatesOf = (row: Row, setting: Setting): readonly Filled<Job>[] => {
  const jobs = gridsOf(row, setting).flatMap((grid) =>
    batchesOf(row, { ...grid.value, sequence: setting.sequence }).flatMap((batch) =>
      jobsOf(row, setting, { grid, batch }),
    ),
  );
  return [...jobs].sort((a, b) => effort(a.value.recompute) - effort(b.value.recompute));
};

const effort = ({ kind }: Recompute): number => ({ none: 0, selective: 1, full: 2 })[kind];

interface Grid {
  readonly tp: number;
  readonly pp: number;
  readonly dp: number;
  readonly zero: Layout['zero'];
}

const TP_MAX = 8;
const PP_MAX = 64;
const powersUpTo = (limit: number): number[] =>
  Array.from({ length: Math.floor(Math.log2(limit)) + 1 }, (_, power) => 2 ** power);

const gridsOf = (row: Row, setting: Setting): readonly Filled<Grid>[] => {
  const asked = zeroOf(row);
  return replicasOf(row, setting, asked.value).map(({ value: { tp, pp }, assumed }) => {
    const zero = underPipeline(asked.value, pp);
    const dp = setting.devices / (tp * pp);
    return {
      value: { tp, pp, dp, zero: zero.value },
      assumed: [...assumed, ...asked.assumed, ...zero.assumed, ...dpWords(row, dp)],
    };
  });
};

/** The ranks that hold one copy of the model. */
const replicasOf = (
  row: Row,
  { devices, model }: Setting,
  zero: Layout['zero'],
): readonly Filled<Pick<Layout, 'tp' | 'pp'>>[] => {
  const { tp, pp } = row;
  if (tp !== null && pp !== null) return [stated({ tp, pp })];
  if (tp !== null) return [assume({ tp, pp: rest(row, devices / tp) }, `pp ${rest(row, devices / tp)}: not stated`)];
  if (pp !== null) return [assume({ tp: rest(row, devices / pp), pp }, `tp ${rest(row, devices / pp)}: not stated`)];
  if (zero === 3) return [assume({ tp: 1, pp: 1 }, 'tp 1, pp 1: ZeRO 3 shards the model over the data ranks')];
  return powersUpTo(TP_MAX)
    .flatMap((ranks) => powersUpTo(Math.min(PP_MAX, model.layers)).map((stages) => ({ tp: ranks, pp: stages })))
    .sort((a, b) => a.tp * a.pp - b.tp * b.pp || a.pp - b.pp)
    .map((replica) =>
      assume(replica, `tp ${replica.tp}, pp ${replica.pp}: not stated; the fewest cards a replica that fit`),
    );
};

const zeroOf = (row: Row): Filled<Layout['zero']> => {
  if (row.zero !== null) return stated(row.zero);
  const habits = habitsOf(row);
  return assume(habits.zero, `zero ${habits.zero}: the habit of ${habits.name}`);
};

/** To shard the gradients of a pipeline they would be reduced once a microbatch: engines reduce them once a step. */
const underPipeline = (zero: Layout['zero'], pp: number): Filled<Layout['zero']> =>
  zero === 2 && pp > 1 ? assume(1, 'zero 1: under a pipeline gradients are reduced once a step') : stated(zero);

/** Ranks left for the axis that is not stated, if the data ranks are. */
const rest = ({ dp }: Row, ranks: number): number => (dp !== null && ranks % dp === 0 ? ranks / dp : 1);

const dpWords = ({ dp }: Row, derived: number): readonly string[] =>
  dp === derived || dp === null ? [] : [`dp ${derived}: from the cards, where the row says ${dp}`];

const jobsOf = (
  row: Row,
  setting: Setting,
  { grid, batch }: { grid: Filled<Grid>; batch: Filled<Batch> },
): readonly Filled<Job>[] => {
  const { model, sequence, cluster, devices, precision, software } = setting;
  const { tp, pp, dp, zero } = grid.value;
  const { microbatch, globalBatch } = batch.value;
  const pipelining = pipeliningFor(setting, grid.value, batch.value);
  const sequenceParallel = sequenceParallelOf(row, tp, sequence);
  const layout: Layout = {
    ...pipelining.value,
    tp,
    pp,
    dp,
    zero,
    microbatch,
    sequenceParallel: sequenceParallel.value,
  };
  const workload = { kind: 'pretrain', sequence, globalBatch, tokens: null } as const;
  return (recomputesOf(row, pp * layout.vp) ?? []).map((recompute) => ({
    value: { model, cluster, devices, workload, layout, precision, recompute: recompute.value, software, seed: 1 },
    assumed: [grid, batch, pipelining, sequenceParallel, recompute].flatMap(({ assumed }) => assumed),
  }));
};

/** Interleaving needs pipelines, microbatches in whole rounds of them, and a layer for every model chunk. */
const pipeliningFor = ({ pipelining, model }: Setting, { pp, dp }: Grid, batch: Batch): Filled<Pipelining> => {
  const { vp } = pipelining.value;
  if (vp === 1) return pipelining;
  const rounds = batch.globalBatch / (batch.microbatch * dp * pp);
  if (pp > 1 && Number.isInteger(rounds) && model.layers + 2 >= pp * vp) return pipelining;
  return assume({ schedule: '1f1b', vp: 1 }, `vp 1: ${vp} model chunks do not go with pp ${pp} and this batch`);
};

const sequenceParallelOf = (row: Row, tp: number, sequence: number): Filled<boolean> => {
  if (tp === 1) return stated(false);
  if (row.sp === true && sequence % tp !== 0)
    return assume(false, `sp false: ${sequence} tokens do not split over tp ${tp}`);
  if (row.sp !== null) return stated(row.sp);
  const value = habitsOf(row).sequenceParallel && sequence % tp === 0;
  return assume(value, `sp ${value}: the habit of ${habitsOf(row).name}`);
};

/** Why no engine could run the job; null when one could. */
export const layoutRefusal = ({ model, layout, devices, workload }: Job): string | null => {
  const { tp, pp, vp, dp } = layout;
  if (!Number.isInteger(dp) || tp * pp * dp !== devices) return `tp ${tp} x pp ${pp} does not divide ${devices} cards`;
  if (model.heads % tp !== 0) return `tp ${tp} does not divide ${model.heads} heads`;
  if (model.ffn % tp !== 0) return `tp ${tp} does not divide ffn ${model.ffn}`;
  if (model.layers < pp * vp - 2) return `pp ${pp} x vp ${vp} is more than ${model.layers} layers`;
  if (!Number.isInteger(microbatchesOf({ layout, workload })))
    return `dp ${dp} x mbs ${layout.microbatch} does not divide gbs ${workload.globalBatch}`;
  return null;
};
