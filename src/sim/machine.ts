/** A cluster flattened for pricing: plain rates of one device and its links. */
import { linksOf } from '../actors/device-context.ts';
import type { LinkRate, Links } from '../collectives/link-rate.ts';
import type { Dtype } from '../kernels/dtype.ts';
import type { KernelRates, MatrixDtype } from '../scenario/cluster.ts';
import type { Job } from '../scenario/job.ts';
import type { Bytes, BytesPerSecond, FlopsPerSecond, Seconds } from '../units/quantity.ts';
import { bytesPerSecond, flopsPerSecond, plus, times, transferTime, zeroSeconds } from '../units/quantity.ts';

export interface Machine {
  /** Matrix rate of large multiplications, by operand format. */
  readonly matrixRate: Readonly<Partial<Record<Dtype, FlopsPerSecond>>>;
  /** Achieved device memory bandwidth. */
  readonly memoryRate: BytesPerSecond;
  readonly multiprocessors: number;
  readonly launch: Seconds;
  /** Null: see `Accelerator`. */
  readonly kernels: KernelRates | null;
  /** On which the devices of a node are threads; null: each has its own. */
  readonly cores: number | null;
  /** What it costs a rank to be woken by a message, where ranks are more than cores. */
  readonly wake: Seconds;
  readonly links: Links;
  /** Achieved between a device and its host, and the time to start a copy. */
  readonly hostRate: BytesPerSecond;
  readonly hostLatency: Seconds;
  /** A device's share of its host's memory bandwidth. */
  readonly hostMemoryRate: BytesPerSecond;
  /** Devices that reach each other over the scale-up links. */
  readonly scaleUpDomain: number;
  readonly storageRate: BytesPerSecond;
}

/** The link of a message between two ranks, whose domains are the same or not. */
export const linkBetween = ({ links, scaleUpDomain }: Machine, from: number, to: number): LinkRate =>
  Math.floor(from / scaleUpDomain) === Math.floor(to / scaleUpDomain) ? links.scaleUp : links.nic;

/** A copy of so many bytes between a device and its host. */
export const hostTime = ({ hostLatency, hostRate }: Pick<Machine, 'hostLatency' | 'hostRate'>, size: Bytes): Seconds =>
  plus(hostLatency, transferTime(size, hostRate));

/** The peak that a card multiplies a format at when its table does not name it: the next wider one it has. */
const WIDER: Readonly<Record<MatrixDtype, readonly MatrixDtype[]>> = {
  fp4: ['fp4', 'fp8', 'bf16', 'fp16'],
  fp8: ['fp8', 'bf16', 'fp16'],
  bf16: ['bf16', 'fp16'],
  fp16: ['fp16', 'bf16'],
  tf32: ['tf32', 'fp32', 'bf16'],
  fp32: ['fp32', 'tf32', 'bf16'],
};

/** The format whose peak a multiplication in `dtype` runs at, and that peak. */
export const peakOf = (
  { cluster }: Pick<Job, 'cluster'>,
  dtype: MatrixDtype,
): { readonly dtype: MatrixDtype; readonly rate: FlopsPerSecond } => {
  for (const candidate of WIDER[dtype]) {
    const peak = cluster.accelerator.peak[candidate];
    if (peak !== undefined) return { dtype: candidate, rate: peak.value };
  }
  throw new RangeError(`${cluster.accelerator.name} has no peak for ${dtype} or anything wider`);
};

/** A rank with a core of its own looks for its messages there, and need not be woken. */
const wakeOf = ({ devices, cluster: { cores, wake } }: Job): Seconds =>
  cores !== null && devices > cores.value ? (wake?.value ?? zeroSeconds) : zeroSeconds;

export const machineOf = (job: Job): Machine => {
  const { accelerator, pcie, hostMemoryBandwidth, scaleUpDomain, ssd } = job.cluster;
  const rate = (asked: MatrixDtype): FlopsPerSecond => {
    const peak = peakOf(job, asked);
    const isNarrow = peak.dtype === 'fp8' || peak.dtype === 'fp4';
    const share = (isNarrow ? accelerator.narrowEfficiency : null) ?? accelerator.matrixEfficiency;
    return flopsPerSecond(times(peak.rate, share.value));
  };
  return {
    matrixRate: { fp32: rate('fp32'), fp16: rate('fp16'), bf16: rate('bf16'), fp8: rate('fp8'), fp4: rate('fp4') },
    memoryRate: bytesPerSecond(accelerator.memoryBandwidth.value * accelerator.memoryEfficiency.value),
    multiprocessors: accelerator.multiprocessors.value,
    launch: accelerator.launch.value,
    kernels: accelerator.kernels,
    cores: job.cluster.cores?.value ?? null,
    wake: wakeOf(job),
    links: linksOf(job),
    hostRate: bytesPerSecond(pcie.bandwidth.value * pcie.efficiency.value),
    hostLatency: pcie.latency.value,
    hostMemoryRate: hostMemoryBandwidth.value,
    scaleUpDomain,
    storageRate: ssd.bandwidth.value,
  };
};
