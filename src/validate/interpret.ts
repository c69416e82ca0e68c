/** A row to the job it measured, with every default that filled it; or the reason why it cannot be one. */
import type { Cluster } from '../scenario/cluster.ts';
import type { Job, Precision } from '../scenario/job.ts';
import { architectureRefusal } from './architecture.ts';
import { clusterNameOf, clusterOf, evenDomains } from './card.ts';
import type { Filled } from './filled.ts';
import { assume, stated } from './filled.ts';
import { candidatesOf } from './layout.ts';
import { layoutRefusal } from './layout-refusal.ts';
import { recomputesOf } from './recompute.ts';
import { SECONDS_PER_DAY, SECONDS_PER_HOUR } from './row-unit.ts';
import type { Row } from './row.ts';
import { measuredNumber } from './row.ts';
import { shapeOf, shapeRefusal } from './shape.ts';
import { softwareOf } from './software.ts';
import type { Pipelining } from './spelling.ts';
import { pipeliningOf, precisionOf } from './spelling.ts';

export type Interpretation =
  | { readonly kind: 'job'; readonly job: Job; readonly assumed: readonly string[] }
  | { readonly kind: 'refused'; readonly reason: string };

/** What interpreting needs from outside: the cluster catalogue, and a job's peak to choose open fields by. */
export interface Catalogue {
  readonly clusters: (name: string) => Cluster;
  readonly peakOf: (job: Job) => number;
}

export const interpret = (row: Row, { clusters, peakOf }: Catalogue): Interpretation => {
  const spelled = spelledOf(row);
  if (spelled.kind === 'refused') return spelled;
  const stocked = clusterOf(row, clusters(spelled.clusterName));
  const shape = shapeOf(row);
  const devices = devicesOf(row, stocked);
  const cluster = evenDomains(stocked, devices.value);
  const software = softwareOf(row, shape.sequence);
  const candidates = candidatesOf(row, {
    model: shape.value,
    sequence: shape.sequence,
    cluster: cluster.value,
    devices: devices.value,
    precision: spelled.precision.value,
    software: software.value,
    pipelining: spelled.pipelining,
  });
  const legal = candidates.filter(({ value }) => layoutRefusal(value) === null);
  if (legal.length === 0) return refused(candidates.map(({ value }) => layoutRefusal(value))[0] ?? 'no layout');
  const chosen = choose(legal, peakOf);
  const assumed = [...(row.assumed ?? []), ...ignoredOf(row)];
  for (const part of [shape, devices, cluster, spelled.precision, software, chosen]) assumed.push(...part.assumed);
  return { kind: 'job', job: chosen.value, assumed: [...new Set(assumed)] };
};

type Refused = Extract<Interpretation, { readonly kind: 'refused' }>;
const refused = (reason: string): Refused => ({ kind: 'refused', reason });

/** What the words of the row stand for. */
interface Spelled {
  readonly kind: 'spelled';
  readonly clusterName: string;
  readonly precision: Filled<Precision>;
  readonly pipelining: Filled<Pipelining>;
}

/** Nothing is guessed of a row that says something unheard of. */
const spelledOf = (row: Row): Spelled | Refused => {
  const refusal = architectureRefusal(row) ?? shapeRefusal(row);
  if (refusal !== null) return refused(refusal);
  const clusterName = clusterNameOf(row.hw.gpu ?? '');
  if (clusterName === null) return refused(`no cluster file has the card ${row.hw.gpu ?? '(not named)'}`);
  const precision = precisionOf(row);
  if (precision === null) return refused(`precision ${row.precision} is not known`);
  const pipelining = pipeliningOf(row);
  if (pipelining === null) return refused(`schedule ${row.schedule} is not known`);
  if (recomputesOf(row, 1) === null) return refused(`recompute ${row.recompute} is not known`);
  return { kind: 'spelled', clusterName, precision, pipelining };
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
  if (row.tp !== null && row.pp !== null && row.dp !== null) return stated(row.tp * (row.cp ?? 1) * row.pp * row.dp);
  const hours = measuredNumber(row, 'gpu_hours') ?? measuredNumber(row, 'gpu_hours_per_T_tokens');
  if (hours === null) return assume(devicesPerNode, `gpus ${devicesPerNode}: one node, not stated`);
  const month = (DAYS_OF_A_RUN * SECONDS_PER_DAY) / SECONDS_PER_HOUR;
  const devices = 2 ** Math.max(0, Math.round(Math.log2(hours / month)));
  return assume(devices, `gpus ${devices}: those that spend the published hours in about ${DAYS_OF_A_RUN} days`);
};

/** What the row says and no prediction takes into account yet. */
const ignoredOf = (row: Row): readonly string[] => [
  ...(isLowRank(row) ? ['predicted as full training: LoRA computes no gradients of the frozen weights'] : []),
  ...(/sliding-window/.test(row.framework ?? '') && row.model.attn === null
    ? ['predicted with full attention: the size of the window is not stated']
    : []),
  ...(/\bsft\b/i.test(row.id) ? ['predicted as pretraining on full sequences: fine-tuning may pad or pack them'] : []),
];

const isLowRank = ({ id, notes, flops_convention }: Row): boolean =>
  /\blora\b/i.test(id) || /\blora\b/i.test(notes ?? '') || /weight-gradient excluded/.test(flops_convention ?? '');
