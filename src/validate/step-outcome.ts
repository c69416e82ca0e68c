/** What a row says of its step time: directly, as tokens a second, or as FLOP/s by the source's own count. */
import type { Job } from '../scenario/job.ts';
import type { Filled } from './filled.ts';
import { assume, stated } from './filled.ts';
import { conventionOf, peakDtypeOf, stepFlops } from './convention.ts';
import { MILLI, PERCENT, SECONDS_PER_DAY, SECONDS_PER_HOUR, TERA } from './row-unit.ts';
import type { Row } from './row.ts';
import { measuredNumber } from './row.ts';

export interface StepOutcome {
  readonly seconds: number;
  /** What the seconds are of: a whole step, or the forward and backward pass of a single layer. */
  readonly of: 'step' | 'layer';
}

/** The first of these that a row has is what it is graded by. Null when the row has none. */
export const stepOutcomeOf = (row: Row, job: Job): Filled<StepOutcome> | null => {
  for (const [field, toSeconds] of READERS) {
    const value = measuredNumber(row, field);
    const reading = value === null || value <= 0 ? null : toSeconds(value, row, job);
    if (reading === null) continue;
    const of = field.startsWith('layer') ? 'layer' : 'step';
    return { value: { seconds: reading.value, of }, assumed: reading.assumed };
  }
  return null;
};

/** True when the row can be graded by its step time once its job is known. */
export const hasStepOutcome = (row: Row): boolean =>
  READERS.some(([field]) => (measuredNumber(row, field) ?? 0) > 0 && !lacksTokens(row, field));

type Reader = (value: number, row: Row, job: Job) => Filled<number> | null;

/** Nearest to the step first; TFLOP/s and MFU last, because they rest on how the source counts FLOPs. */
const READERS: readonly (readonly [field: string, toSeconds: Reader])[] = [
  ['iter_s', (value) => stated(value)],
  ['iter_s_derived', (value) => stated(value)],
  ['layer_total_ms', (value) => stated(value * MILLI)],
  ['tokens_per_s_per_gpu', (value, _, job) => stated(tokensOf(job) / (value * job.devices))],
  ['tokens_per_s_per_npu', (value, _, job) => stated(tokensOf(job) / (value * job.devices))],
  ['tokens_per_s', (value, _, job) => stated(tokensOf(job) / value)],
  ['samples_per_s', (value, _, job) => stated(job.workload.globalBatch / value)],
  ['samples_per_gpu_per_s', (value, _, job) => stated(job.workload.globalBatch / (value * job.devices))],
  ['samples_per_s_total_inferred', (value, _, job) => stated(job.workload.globalBatch / value)],
  ['tokens_per_s_per_gpu_derived', (value, _, job) => stated(tokensOf(job) / (value * job.devices))],
  ['gpu_hours', (value, row, job) => ofRun(row, job, (value * SECONDS_PER_HOUR) / job.devices)],
  [
    'gpu_hours_per_T_tokens',
    (value, _, job) => stated((value * SECONDS_PER_HOUR * tokensOf(job)) / (TERA * job.devices)),
  ],
  ['train_days', (value, row, job) => ofRun(row, job, value * SECONDS_PER_DAY)],
  ['tflops_per_gpu', (value, row, job) => ofFlops(row, job, value * TERA)],
  ['tflops_per_gpu_derived', (value, row, job) => ofFlops(row, job, value * TERA)],
  ['mfu', (value, row, job) => ofUtilisation(row, job, value * PERCENT)],
];

const tokensOf = ({ workload }: Job): number => workload.globalBatch * workload.sequence;

/** A run's time spread over its tokens: restarts and evaluation count in it. */
const ofRun = (row: Row, job: Job, runSeconds: number): Filled<number> | null => {
  const tokens = measuredNumber(row, 'tokens');
  if (tokens === null || tokens <= 0) return null;
  return assume((runSeconds * tokensOf(job)) / tokens, 'step time: the mean over the whole run, pauses included');
};
const lacksTokens = (row: Row, field: string): boolean =>
  ['gpu_hours', 'train_days'].includes(field) && measuredNumber(row, 'tokens') === null;

const ofFlops = (row: Row, job: Job, flopsPerDevice: number): Filled<number> => {
  const { value, assumed } = conventionOf(row);
  return { value: stepFlops(job, value) / (flopsPerDevice * job.devices), assumed };
};

const ofUtilisation = (row: Row, job: Job, share: number): Filled<number> | null => {
  const { peak } = job.cluster.accelerator;
  const dtype = peakDtypeOf(row).find((candidate) => peak[candidate] !== undefined);
  const rate = dtype === undefined ? undefined : peak[dtype]?.value;
  if (rate === undefined) return null;
  const reading = ofFlops(row, job, share * rate);
  return { value: reading.value, assumed: [...reading.assumed, `MFU of the ${dtype} peak`] };
};
