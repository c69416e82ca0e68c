/**
 * Rows on their way to their experts and back: permuted, exchanged among the expert ranks, gathered among an expert's
 * tensor ranks and sorted by expert (Megatron-Core's all-to-all dispatcher). Each way is the backward pass of the other.
 */
import { compute, release, tensor } from '../effects/ask.ts';
import type { Program } from '../effects/effect.ts';
import type { Tensor } from '../effects/tensor.ts';
import { elementsOf } from '../effects/tensor.ts';
import type { Permute } from '../kernels/op/routing.ts';
import type { Purpose } from '../memory/purpose.ts';
import type { ExpertShare } from './expert-share.ts';
import type { LayerContext } from './context.ts';
import { among } from './context.ts';
import { layOut } from './laying-out.ts';

const shaped = ({ dtype }: Tensor, shape: readonly number[], purpose: Purpose = 'workspace'): Program<Tensor> =>
  tensor(shape, dtype, purpose);
const permuteOp = (direction: Permute['direction'], few: Tensor, rows: number): Permute => ({
  kind: 'permute',
  direction,
  tokens: few.shape[0]!,
  rows,
  width: few.shape[1]!,
  dtype: few.dtype,
});
/** Replaces a tensor of this file's own by another, which `fill` makes of it. */
function* replaced(from: Tensor, into: Tensor, fill: Program<void>): Program<Tensor> {
  yield* fill;
  yield* release(from.block);
  return into;
}
/** Sorts rows by expert, or back; with one expert a rank they are sorted as they come. */
function* sorted(from: Tensor, into: Tensor): Program<Tensor> {
  const elements = elementsOf(from);
  const op = layOut(from.dtype, { read: elements, written: elements, runs: [] });
  return yield* replaced(from, into, compute(op, [from], [into]));
}
const sorts = (context: LayerContext, { count }: ExpertShare): boolean => context.groups.expert.size > 1 && count > 1;

/** input [rows, width], which stays -> its rows at their experts [worked, width]. */
export function* toExperts(
  context: LayerContext,
  share: ExpertShare,
  { input, purpose }: { input: Tensor; purpose: Purpose },
): Program<Tensor> {
  const { expert, expertTensor } = context.groups;
  const width = input.shape[1]!;
  const sent = [share.rows, width];
  const worked = [share.worked, width];
  const ways = [true, expert.size > 1, expertTensor.size > 1, sorts(context, share)];
  /** Only what arrives at last is kept. */
  const purposeAt = (way: number): Purpose => (ways.lastIndexOf(true) === way ? purpose : 'workspace');
  let at = yield* shaped(input, sent, purposeAt(0));
  yield* compute(permuteOp('spread', input, share.rows), [input], [at]);
  if (ways[1]) {
    const shard = yield* shaped(input, sent, purposeAt(1));
    at = yield* replaced(at, shard, among(context, expert, 'all-to-all', { whole: at, shard }));
  }
  if (ways[2]) {
    const whole = yield* shaped(input, worked, purposeAt(2));
    at = yield* replaced(at, whole, among(context, expertTensor, 'all-gather', { whole, shard: at }));
  }
  return ways[3] ? yield* sorted(at, yield* shaped(input, worked, purposeAt(3))) : at;
}

/** Rows at their experts [worked, width], which are given up -> their sums [rows, width] in `into`. */
export function* fromExperts(
  context: LayerContext,
  share: ExpertShare,
  { input, into }: { input: Tensor; into: Tensor },
): Program<void> {
  const { expert, expertTensor } = context.groups;
  const sent = [share.rows, into.shape[1]!];
  let at = input;
  if (sorts(context, share)) at = yield* sorted(at, yield* shaped(input, input.shape));
  if (expertTensor.size > 1) {
    const shard = yield* shaped(input, sent);
    at = yield* replaced(at, shard, among(context, expertTensor, 'reduce-scatter', { whole: at, shard }));
  }
  if (expert.size > 1) {
    const shard = yield* shaped(input, sent);
    at = yield* replaced(at, shard, among(context, expert, 'all-to-all', { whole: at, shard }));
  }
  yield* compute(permuteOp('gather', into, share.rows), [at], [into]);
  yield* release(at.block);
}
