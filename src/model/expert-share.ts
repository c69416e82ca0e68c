/** How much of a mixture of experts one rank does. */
import type { Experts } from '../scenario/model.ts';
import type { LayerContext } from './context.ts';

export interface ExpertShare {
  readonly experts: Experts;
  /** Experts on this rank, and the width of the part of each that it holds. */
  readonly count: number;
  readonly width: number;
  /** Rows that go to experts from this rank, and that come to its experts from it and its peers. */
  readonly rows: number;
  /** Rows that its experts work on: those of all of an expert's tensor ranks. */
  readonly worked: number;
}

/**
 * Each of R rows goes to k experts. With a capacity c every expert of e gets R k c / e rows of each rank, rounded up and
 * padded to that (Megatron-Core's pad to capacity); those beyond are dropped. Without one, the busiest rank's
 * experts get `expertImbalance` times the mean, and the exchange lasts as long as if every rank sent and got as much.
 */
export const expertShare = ({ job, rows }: LayerContext): ExpertShare => {
  const experts = job.model.experts!;
  const { ep, etp } = job.layout;
  const { expertCapacity, expertImbalance } = job.software;
  const mean = rows * experts.active;
  const imbalance = ep > 1 ? expertImbalance.value : 1;
  const sent =
    expertCapacity === null
      ? Math.ceil(mean * imbalance)
      : experts.count * Math.ceil((mean * expertCapacity) / experts.count);
  return { experts, count: experts.count / ep, width: experts.ffn / etp, rows: sent, worked: sent * etp };
};
