/** How long an operation keeps a device busy: a roofline whose roof depends on the shape. */
import type { Op } from '../kernels/op.ts';
import { costOf } from '../kernels/op.ts';
import type { FlashAttention } from '../kernels/op/attention.ts';
import type { Matmul } from '../kernels/op/matmul.ts';
import type { Seconds } from '../units/quantity.ts';
import { computeTime, larger, plus, seconds, times, transferTime, zeroSeconds } from '../units/quantity.ts';
import { ASSUMPTIONS, TILES } from './assumptions.ts';
import type { Machine } from './machine.ts';

/**
 * Share of the full matrix rate that a product reaches: the best over the tile shapes of
 *
 *     share  x  (m n) / (tiles rows columns)  x  tiles / (waves P)  x  k / (k + depthHalf)
 *
 * with tiles = batch ceil(m / rows) ceil(n / columns) and waves = ceil(tiles / P) on P multiprocessors: the area of
 * partial tiles is lost, so is the rest of the last wave, and so is the time to fill and drain a tile.
 */
const matmulShare = ({ m, n, k, batch }: Matmul, multiprocessors: number): number => {
  let best = 0;
  for (const { rows, columns, share } of TILES) {
    const tiles = batch * Math.ceil(m / rows) * Math.ceil(n / columns);
    const waves = Math.ceil(tiles / multiprocessors);
    const filled = (batch * m * n) / (rows * columns * waves * multiprocessors);
    best = Math.max(best, share * filled);
  }
  return (best * k) / (k + ASSUMPTIONS.depthHalf.value);
};

const matmulTime = (op: Matmul, machine: Machine): Seconds => {
  const rate = machine.matrixRate[op.dtype];
  if (rate === undefined) throw new RangeError(`no matrix rate for ${op.dtype}`);
  const share = matmulShare(op, machine.multiprocessors) * (op.batch > 1 ? ASSUMPTIONS.unfused.value : 1);
  return times(computeTime(costOf(op).flops, rate), 1 / share);
};

const flashTime = (op: FlashAttention, machine: Machine): Seconds => {
  const rate = machine.matrixRate[op.dtype];
  if (rate === undefined) throw new RangeError(`no matrix rate for ${op.dtype}`);
  const share = op.pass === 'forward' ? ASSUMPTIONS.flashForward : ASSUMPTIONS.flashBackward;
  return times(computeTime(costOf(op).flops, rate), 1 / share.value);
};

/**
 * The longer of arithmetic and memory traffic, and the gap between kernels. Additions within a collective are free:
 * the achieved rate of the link was measured with them. So is what moves no bytes and multiplies nothing.
 */
export const opTime = (op: Op, machine: Machine): Seconds => {
  const { traffic } = costOf(op);
  if (op.kind === 'accumulate' || (traffic === 0 && op.kind !== 'matmul')) return zeroSeconds;
  const memory = transferTime(traffic, machine.memoryRate);
  const arithmetic =
    op.kind === 'matmul'
      ? matmulTime(op, machine)
      : op.kind === 'flash-attention'
        ? flashTime(op, machine)
        : seconds(0);
  return plus(larger(arithmetic, memory), machine.launch);
};
