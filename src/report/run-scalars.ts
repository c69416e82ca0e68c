/** What a run shows in TensorBoard: under the tags of torchtitan, so that its curves and ours lie in one chart. */
import type { Bytes } from '../units/quantity.ts';
import { toGibibytes } from '../units/format.ts';
import type { StepRow } from './loss-csv.ts';

export interface RunScalars {
  readonly row: StepRow;
  /** torchtitan counts the tokens of one device. */
  readonly devices: number;
  /** The most that a rank has held at once; null while nobody has counted. */
  readonly peakMemory: Bytes | null;
}

/** Tags of `torchtitan/components/metrics.py` and of its trainer's and its validator's own metrics. */
export const scalarsOf = ({ row, devices, peakMemory }: RunScalars): ReadonlyMap<string, number> => {
  const values = new Map([
    ['loss_metrics/global_avg_loss', row.loss],
    ['grad_norm', row.gradientNorm],
    ['lr', row.learningRate],
    ['n_tokens_seen', row.tokens],
    ['throughput(tps)', row.tokensPerSecond / devices],
    ['time_metrics/end_to_end(s)', row.time],
  ]);
  if (peakMemory !== null) values.set('memory/max_reserved(GiB)', toGibibytes(peakMemory));
  if (row.validationLoss !== null) values.set('validation_metrics/loss', row.validationLoss);
  return values;
};
