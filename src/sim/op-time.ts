/** How long an operation keeps a device busy: a roofline whose roof depends on the shape. */
import type { Op } from '../kernels/op.ts';
import { costOf, isOnHost } from '../kernels/op.ts';
import type { FlashAttention } from '../kernels/op/attention.ts';
import type { GroupedMatmul } from '../kernels/op/grouped-matmul.ts';
import type { Matmul } from '../kernels/op/matmul.ts';
import { extentOf, nameOf } from '../kernels/op-name.ts';
import type { KernelRates } from '../scenario/cluster.ts';
import type { Seconds } from '../units/quantity.ts';
import { computeTime, larger, plus, times, transferTime, zeroSeconds } from '../units/quantity.ts';
import { ASSUMPTIONS, TILES } from './assumptions.ts';
import type { Machine } from './machine.ts';

type Shape = Pick<Matmul, 'm' | 'n' | 'k' | 'batch'>;

/**
 * Share of the full matrix rate that a product reaches: the best over the tile shapes of
 *
 *     share  x  (m n) / (tiles rows columns)  x  tiles / (waves P)  x  k / (k + depthHalf)
 *
 * with tiles = batch ceil(m / rows) ceil(n / columns) and waves = ceil(tiles / P) on P multiprocessors: the area of
 * partial tiles is lost, so is the rest of the last wave, and so is the time to fill and drain a tile.
 */
const matmulShare = ({ m, n, k, batch }: Shape, multiprocessors: number): number => {
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
  const share = matmulShare(op, machine.multiprocessors) * (op.isAttention ? ASSUMPTIONS.unfused.value : 1);
  return times(computeTime(costOf(op).flops, rate), 1 / share);
};

/** The tiles of all groups run side by side, as those of a batch do. */
const groupedTime = (op: GroupedMatmul, machine: Machine): Seconds => {
  const rate = machine.matrixRate[op.dtype];
  if (rate === undefined) throw new RangeError(`no matrix rate for ${op.dtype}`);
  return times(computeTime(costOf(op).flops, rate), 1 / matmulShare(shapeOf(op), machine.multiprocessors));
};
/** One group's product: its rows are the depth of a weight's gradient, the height of any other product. */
const shapeOf = ({ groups, rows, n, k, transpose }: GroupedMatmul): Shape =>
  transpose === 'tn' ? { m: k, n, k: rows / groups, batch: groups } : { m: rows / groups, n, k, batch: groups };

const flashTime = (op: FlashAttention, machine: Machine): Seconds => {
  const rate = machine.matrixRate[op.dtype];
  if (rate === undefined) throw new RangeError(`no matrix rate for ${op.dtype}`);
  const share = op.pass === 'forward' ? ASSUMPTIONS.flashForward : ASSUMPTIONS.flashBackward;
  return times(computeTime(costOf(op).flops, rate), 1 / share.value);
};

/**
 * The longer of arithmetic and memory traffic, and the gap between kernels. Additions within a collective are free:
 * the achieved rate of the link was measured with them. So is what moves no bytes and multiplies nothing. On the host
 * traffic alone counts.
 */
export const opTime = (op: Op, machine: Machine): Seconds => {
  const { traffic } = costOf(op);
  if (op.kind === 'accumulate' || (traffic === 0 && op.kind !== 'matmul')) return zeroSeconds;
  if (isOnHost(op)) return transferTime(traffic, machine.hostMemoryRate);
  const known = machine.kernels === null ? null : kernelTime(op, machine.kernels);
  if (known !== null) return plus(known, machine.launch);
  const memory = transferTime(traffic, machine.memoryRate);
  return plus(larger(arithmeticTime(op, machine), memory), machine.launch);
};

/** As it was measured; null if it was not. */
const kernelTime = (op: Op, { products, streams }: KernelRates): Seconds | null => {
  const [name, extent] = [nameOf(op), extentOf(op)];
  if (extent === null) {
    const stream = streams[name];
    return stream === undefined ? null : transferTime(costOf(op).traffic, stream.value);
  }
  const product = products[name];
  if (product === undefined) return null;
  const { rate, rows, columns, depth } = product;
  return times(
    computeTime(costOf(op).flops, rate.value),
    1 + rows / extent.rows + columns / extent.columns + depth / extent.depth,
  );
};

/** What is no product of matrices is bound by memory. */
const arithmeticTime = (op: Op, machine: Machine): Seconds => {
  if (op.kind === 'matmul') return matmulTime(op, machine);
  if (op.kind === 'grouped-matmul') return groupedTime(op, machine);
  return op.kind === 'flash-attention' ? flashTime(op, machine) : zeroSeconds;
};
