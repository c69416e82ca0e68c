/** The jobs that a row may have run: one where it says everything, else all that are consistent, preferred first. */
import { scheduleRule } from '../actors/schedules/schedule.ts';
import type { Cluster } from '../scenario/cluster.ts';
import type { Job, Layout, Offload, Precision, Recompute, Software } from '../scenario/job.ts';
import { positionCount } from '../scenario/layer-split.ts';
import type { Model } from '../scenario/model.ts';
import { DEFAULT_TRAINING } from '../scenario/training.ts';
import type { Batch } from './batch.ts';
import { batchesOf } from './batch.ts';
import type { Filled } from './filled.ts';
import { assume, stated } from './filled.ts';
import { habitsOf } from './framework.ts';
import type { Grid } from './grid.ts';
import { gridsOf } from './grid.ts';
import { offloadsOf } from './offload.ts';
import { recomputesOf } from './recompute.ts';
import type { Row } from './row.ts';
import type { Pipelining } from './spelling.ts';

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
 * up last, then offloading, then cards a replica, then the microbatch.
 */
export const candidatesOf = (row: Row, setting: Setting): readonly Filled<Job>[] => {
  const jobs = gridsOf(row, setting).flatMap((grid) =>
    batchesOf(row, { ...grid.value, sequence: setting.sequence }).flatMap((batch) =>
      jobsOf(row, setting, { grid, batch }),
    ),
  );
  return [...jobs].sort(
    ({ value: a }, { value: b }) => effort(a.recompute) - effort(b.recompute) || cost(a.offload) - cost(b.offload),
  );
};

const effort = ({ kind }: Recompute): number => ({ none: 0, selective: 1, full: 2 })[kind];
const cost = ({ optimizer }: Offload): number => ({ none: 0, dram: 1 })[optimizer];

const jobsOf = (
  row: Row,
  setting: Setting,
  { grid, batch }: { grid: Filled<Grid>; batch: Filled<Batch> },
): readonly Filled<Job>[] => {
  const { model, sequence, cluster, devices, precision, software } = setting;
  const { microbatch, globalBatch } = batch.value;
  const pipelining = pipeliningFor(setting, grid.value, batch.value);
  const sequenceParallel = sequenceParallelOf(row, grid.value, sequence);
  const layout: Layout = {
    ...grid.value,
    ...pipelining.value,
    firstLayers: null,
    lastLayers: null,
    microbatch,
    sequenceParallel: sequenceParallel.value,
  };
  const workload = { kind: 'pretrain', sequence, globalBatch, tokens: null } as const;
  const settled = { model, cluster, devices, workload, layout, precision, software };
  const chunks = positionCount(layout);
  return (recomputesOf(row, chunks) ?? []).flatMap((recompute) =>
    offloadsOf(row, { layers: model.layers, chunks }).map((offload) => ({
      value: {
        ...settled,
        recompute: recompute.value,
        offload: offload.value,
        training: DEFAULT_TRAINING,
        seed: 1,
      },
      assumed: [grid, batch, pipelining, sequenceParallel, recompute, offload].flatMap(({ assumed }) => assumed),
    })),
  );
};

/** Schedules other than 1F1B need pipelines, microbatches in their rounds, and a layer for every model chunk. */
const pipeliningFor = ({ pipelining, model }: Setting, { pp, dp }: Grid, batch: Batch): Filled<Pipelining> => {
  const { schedule, vp } = pipelining.value;
  if (schedule === '1f1b') return pipelining;
  if (pp === 1) return plain(`${schedule} needs a pipeline`);
  const microbatches = Math.max(1, Math.floor(batch.globalBatch / (batch.microbatch * dp)));
  const broken = scheduleRule(schedule, { stages: pp, microbatches, chunks: vp });
  if (broken !== null) return plain(broken);
  return model.layers + 2 >= positionCount({ pp, ...pipelining.value })
    ? pipelining
    : plain(`${model.layers} layers do not make ${vp} model chunks on each of ${pp} stages`);
};

const plain = (why: string): Filled<Pipelining> => assume({ schedule: '1f1b', vp: 1 }, `schedule 1f1b, vp 1: ${why}`);

const sequenceParallelOf = (row: Row, { tp, cp }: Grid, sequence: number): Filled<boolean> => {
  if (tp === 1) return stated(false);
  const splits = sequence % (tp * cp) === 0;
  if (row.sp === true && !splits) return assume(false, `sp false: ${sequence} tokens do not split over tp ${tp}`);
  if (row.sp !== null) return stated(row.sp);
  const value = habitsOf(row).sequenceParallel && splits;
  return assume(value, `sp ${value}: the habit of ${habitsOf(row).name}`);
};
