/** How much of a mixture of experts one rank does: the rows that its tokens and those of others send to each expert. */
import { segmentLength } from '../effects/tensor.ts';
import { shareLength } from '../collectives/exchange.ts';
import type { Experts } from '../scenario/model.ts';
import type { LayerContext } from './context.ts';

export interface ExpertShare {
  readonly experts: Experts;
  /** Experts on this rank, and the width of the part of each that it holds. */
  readonly count: number;
  readonly width: number;
  /** Rows that this rank has for the experts of each of the expert ranks, and that each of those has for its own. */
  readonly sent: readonly number[];
  readonly received: readonly number[];
  /** Rows that come to each of an expert's tensor ranks, from each of the expert ranks, for each expert. */
  readonly arrivals: readonly (readonly (readonly number[])[])[];
  /** All rows that go to experts from this rank, all that come to it, and the most that come to a tensor rank. */
  readonly rows: number;
  readonly arrived: number;
  readonly longest: number;
  /** Rows that its experts work on, those of all of an expert's tensor ranks: of each expert, and of all. */
  readonly sizes: readonly number[];
  readonly worked: number;
}

const total = (numbers: readonly number[]): number => numbers.reduce((sum, one) => sum + one, 0);
const indices = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index);

/**
 * From the rows that this rank has for each expert, and those that come to each of an expert's tensor ranks from each of
 * the expert ranks for each of this rank's experts, one number behind another.
 */
export const expertShare = (
  { job, expertTensorIndex }: Pick<LayerContext, 'job' | 'expertTensorIndex'>,
  told: readonly number[],
): ExpertShare => {
  const experts = job.model.experts!;
  const { ep, etp } = job.layout;
  const count = experts.count / ep;
  const byRank = (start: number): readonly (readonly number[])[] =>
    indices(ep).map((peer) => told.slice(start + peer * count, start + (peer + 1) * count));
  const sent = byRank(0).map(total);
  const arrivals = indices(etp).map((rank) => byRank((1 + rank) * experts.count));
  const received = arrivals[expertTensorIndex]!.map(total);
  const sizes = indices(count).map((expert) => total(arrivals.flat().map((rows) => rows[expert]!)));
  return {
    experts,
    count,
    width: experts.ffn / etp,
    sent,
    received,
    arrivals,
    rows: total(sent),
    arrived: total(received),
    longest: Math.max(...arrivals.map((from) => total(from.flat()))),
    sizes,
    worked: total(sizes),
  };
};

/**
 * The same numbers where nothing is computed. Each of R rows goes to k experts. With a capacity c every expert of e gets
 * R k c / e rows of each rank, rounded up and padded to that (Megatron-Core's pad to capacity); those beyond are dropped.
 * Without one, the busiest rank's experts get `expertImbalance` times the mean, and the exchange lasts as long as if every
 * rank sent and got as much.
 */
export const expectedRows = ({ job, rows, expertIndex }: LayerContext): readonly number[] => {
  const { count, active } = job.model.experts!;
  const { ep, etp } = job.layout;
  const { expertCapacity, expertImbalance } = job.software;
  const mean = rows * active;
  const imbalance = ep > 1 ? expertImbalance.value : 1;
  const sent =
    expertCapacity === null ? Math.ceil(mean * imbalance) : count * Math.ceil((mean * expertCapacity) / count);
  // Every two ranks have as much for each other, so that what a rank sends is what comes to it.
  const own = indices(ep).flatMap((peer) => {
    const part = shareLength(sent, { size: ep, self: expertIndex, peer, count: 1 });
    return indices(count / ep).map((expert) => segmentLength(part, count / ep, expert));
  });
  return indices(1 + etp).flatMap(() => own);
};
