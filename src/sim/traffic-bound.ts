/** What the traffic of weights and gradients that nothing can hide takes at least: arithmetic, for sketches. */
import { DTYPE_BYTES } from '../kernels/dtype.ts';
import { adamCost, squaredNormCost } from '../kernels/op/adam.ts';
import { FORMATS } from '../model/precision.ts';
import type { Job } from '../scenario/job.ts';
import { expertDataRanks } from '../scenario/job.ts';
import type { Machine } from './machine.ts';

/** Parameters, those of routed experts apart. */
export interface Elements {
  readonly shared: number;
  readonly experts: number;
}

/** Ranks that share the parameters of a kind, and how many of them in a row share a domain at most. */
interface Sharers {
  readonly size: number;
  readonly domain: number;
}

/** Nanoseconds, none of them more than it really takes. */
export interface TrafficBound {
  /** From the start of the step until the first weights are there. */
  readonly publish: (first: Elements) => number;
  /** From the end of a stage's last pass until its last gradients are summed. */
  readonly reduce: (last: Elements) => number;
  /** The optimizer's step on a rank's share of all that its stage holds. */
  readonly update: (held: Elements) => number;
}

export const trafficBound = (job: Job, machine: Machine): TrafficBound => {
  const { layout, cluster, precision } = job;
  const { tp, cp, dp, ep, etp, zero, replicas } = layout;
  const { weight, gradient, hasMaster } = FORMATS[precision];
  const sharers = (ranks: number, stride: number): Sharers => {
    const size = ranks / replicas;
    return { size, domain: Math.min(size, Math.max(1, Math.floor(cluster.scaleUpDomain / stride))) };
  };
  const shared = sharers(cp * dp, tp);
  const experts = sharers(expertDataRanks(layout), ep * etp);
  /** Of a shard's replicas one a domain, or several where whole groups of shards lie in one. */
  const copies = ({ size }: Sharers, stride: number): Sharers => ({
    size: replicas,
    domain: Math.min(replicas, Math.max(1, Math.floor(cluster.scaleUpDomain / (stride * size)))),
  });
  const [sharedCopies, expertCopies] = [copies(shared, tp), copies(experts, ep * etp)];
  const once = (elements: Elements, bytesEach: number): number =>
    passTime(elements.shared * bytesEach, shared, machine) + passTime(elements.experts * bytesEach, experts, machine);
  const amongCopies = (elements: Elements, bytesEach: number): number =>
    passTime((elements.shared * bytesEach) / shared.size, sharedCopies, machine) +
    passTime((elements.experts * bytesEach) / experts.size, expertCopies, machine);
  const share = (held: Elements): number =>
    zero === 0 ? held.shared + held.experts : held.shared / shared.size + held.experts / experts.size;
  return {
    publish: (first) => (zero === 1 || zero === 2 ? once(first, DTYPE_BYTES[weight]) : 0),
    reduce: (last) =>
      (zero === 0 ? 2 : 1) * once(last, DTYPE_BYTES[gradient]) + 2 * amongCopies(last, DTYPE_BYTES[gradient]),
    update: (held) => {
      const elements = share(held);
      const adam = adamCost({ elements, gradient, weight, master: hasMaster });
      const norm = squaredNormCost({ kind: 'squared-norm', elements, dtype: gradient });
      const onCard = nanoseconds((adam.traffic + norm.traffic) / machine.memoryRate);
      if (job.offload.optimizer === 'none') return onCard;
      // Down, update and up again overlap at best: the longest of them remains.
      const copied = elements * Math.max(DTYPE_BYTES[gradient], DTYPE_BYTES[weight]);
      return Math.max(nanoseconds(copied / machine.hostRate), nanoseconds(adam.traffic / machine.hostMemoryRate));
    },
  };
};

/**
 * An all-gather or a reduce-scatter of S bytes over n ranks, d of them a domain: each domain has to get what the others
 * hold, (1 - d / n) S, through its d NICs; in one domain each rank gets (1 - 1 / n) S over its own links.
 */
const passTime = (size: number, { size: ranks, domain }: Sharers, { links }: Machine): number => {
  if (ranks <= 1) return 0;
  return domain >= ranks
    ? nanoseconds(((1 - 1 / ranks) * size) / links.scaleUp.bandwidth)
    : nanoseconds(((1 - domain / ranks) * size) / (domain * links.nic.bandwidth));
};

/** Rounded down, and by more than a sum can be off. */
const nanoseconds = (time: number): number => Math.max(0, Math.floor(time * 1e9 * (1 - 1e-9)) - 2);
