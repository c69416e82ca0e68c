/** A row to the job it measured, with every default that filled it; or the reason why it cannot be one. */
import type { Cluster } from '../scenario/cluster.ts';
import { ALLOCATOR_OVERHEAD, FRAMEWORK_MEMORY } from '../scenario/defaults.ts';
import type { Job, Software } from '../scenario/job.ts';
import { clusterNameOf, clusterOf } from './card.ts';
import type { Filled } from './filled.ts';
import { assume, stated } from './filled.ts';
import { attentionOf, habitsOf } from './framework.ts';
import { candidatesOf, layoutRefusal } from './layout.ts';
import { SECONDS_PER_DAY, SECONDS_PER_HOUR } from './row-unit.ts';
import type { Row } from './row.ts';
import { measuredNumber } from './row.ts';
import { architectureRefusal, shapeOf, shapeRefusal } from './shape.ts';
import { pipeliningOf, precisionOf, recomputesOf } from './spelling.ts';

export type Interpretation =
  | { readonly kind: 'job'; readonly job: Job; readonly assumed: readonly string[] }
  | { readonly kind: 'refused'; readonly reason: string };

/** What interpreting needs from outside: the cluster catalogue, and a job's peak to choose open fields by. */
export interface Catalogue {
  readonly clusters: (name: string) => Cluster;
  readonly peakOf: (job: Job) => number;
}

export const interpret = (row: Row, { clusters, peakOf }: Catalogue): Interpretation => {
  const refusal = rowRefusal(row);
  if (refusal !== null) return refused(refusal);
  const clusterName = clusterNameOf(row.hw.gpu ?? '');
  if (clusterName === null) return refused(`no cluster file has the card ${row.hw.gpu ?? '(not named)'}`);
  const precision = precisionOf(row);
  if (precision === null) return refused(`precision ${row.precision} is not known`);
  const pipelining = pipeliningOf(row);
  if (pipelining === null) return refused(`schedule ${row.schedule} is not known`);
  if (recomputesOf(row, 1) === null) return refused(`recompute ${row.recompute} is not known`);

  const cluster = clusterOf(row, clusters(clusterName));
  const shape = shapeOf(row);
  const devices = devicesOf(row, cluster);
  const software = softwareOf(row, shape.sequence);
  const candidates = candidatesOf(row, {
    model: shape.value,
    sequence: shape.sequence,
    cluster,
    devices: devices.value,
    precision: precision.value,
    software: software.value,
    pipelining,
  });
  const legal = candidates.filter(({ value }) => layoutRefusal(value) === null);
  if (legal.length === 0) return refused(candidates.map(({ value }) => layoutRefusal(value))[0] ?? 'no layout');
  const chosen = choose(legal, peakOf);
  const assumed = [...(row.assumed ?? []), ...ignoredOf(row)];
  for (const part of [shape, devices, precision, software, chosen]) assumed.push(...part.assumed);
  return { kind: 'job', job: chosen.value, assumed: [...new Set(assumed)] };
};

const refused = (reason: string): Interpretation => ({ kind: 'refused', reason });

/** Why the row is beyond what is predicted at all; null when it is not. */
const rowRefusal = (row: Row): string | null => {
  if (row.cp !== null && row.cp > 1) return 'context parallelism is not predicted yet';
  return architectureRefusal(row) ?? shapeRefusal(row);
};

/** The first candidate whose fullest stage fits the card; if none does, the one that lacks least. */
const choose = (candidates: readonly Filled<Job>[], peakOf: Catalogue['peakOf']): Filled<Job> => {
  const [only, ...others] = candidates;
  if (only === undefined) throw new RangeError('a choice needs at least one candidate, got none');
  if (others.length === 0) return only;
  let least = { candidate: only, peak: Infinity };
  for (const candidate of candidates) {
    const peak = peakOf(candidate.value);
    if (peak <= candidate.value.cluster.accelerator.memory.value) return candidate;
    if (peak < least.peak) least = { candidate, peak };
  }
  const { value, assumed } = least.candidate;
  return { value, assumed: [...assumed, 'no choice of the open fields fits the card: the one with the least memory'] };
};

const DAYS_OF_A_RUN = 30;

const devicesOf = (row: Row, { devicesPerNode }: Cluster): Filled<number> => {
  if (row.gpus !== null) return stated(row.gpus);
  if (row.tp !== null && row.pp !== null && row.dp !== null) return stated(row.tp * row.pp * row.dp);
  const hours = measuredNumber(row, 'gpu_hours') ?? measuredNumber(row, 'gpu_hours_per_T_tokens');
  if (hours === null) return assume(devicesPerNode, `gpus ${devicesPerNode}: one node, not stated`);
  const month = (DAYS_OF_A_RUN * SECONDS_PER_DAY) / SECONDS_PER_HOUR;
  const devices = 2 ** Math.max(0, Math.round(Math.log2(hours / month)));
  return assume(devices, `gpus ${devices}: those that spend the published hours in about ${DAYS_OF_A_RUN} days`);
};

const softwareOf = (row: Row, sequence: number): Filled<Software> => {
  const habits = habitsOf(row);
  const attention = attentionOf(row, sequence);
  const value: Software = {
    attention,
    overlap: habits.overlap,
    frameworkMemory: FRAMEWORK_MEMORY,
    allocatorOverhead: ALLOCATOR_OVERHEAD,
  };
  return assume(value, `${attention} attention, ${habits.overlap ? '' : 'no '}overlap: the habit of ${habits.name}`);
};

/** What the row says and no prediction takes into account yet. */
const ignoredOf = (row: Row): readonly string[] => [
  ...(row.offload === null ? [] : [`offload is not predicted yet: ${row.offload}`]),
  ...(row.zero_group === null || row.zero_group === 'all'
    ? []
    : [`ZeRO shards over all data ranks, not in groups of ${row.zero_group}`]),
  ...(isLowRank(row) ? ['predicted as full training: LoRA computes no gradients of the frozen weights'] : []),
  ...(/\bsft\b/i.test(row.id) ? ['predicted as pretraining on full sequences: fine-tuning may pad or pack them'] : []),
];

const isLowRank = ({ id, notes, flops_convention }: Row): boolean =>
  /\blora\b/i.test(id) || /\blora\b/i.test(notes ?? '') || /weight-gradient excluded/.test(flops_convention ?? '');
