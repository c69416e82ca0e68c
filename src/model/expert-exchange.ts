/**
 * Rows on their way to their experts and back: sorted by expert, exchanged among the expert ranks, gathered among an
 * expert's tensor ranks and sorted again (Megatron-Core's all-to-all dispatcher). Each way is the backward pass of the
 * other.
 */
import { collective, compute, release, tensor } from '../effects/ask.ts';
import type { Program } from '../effects/effect.ts';
import type { Tensor } from '../effects/tensor.ts';
import { elementsOf, part } from '../effects/tensor.ts';
import type { Permute, Run } from '../kernels/op/routing.ts';
import type { Purpose } from '../memory/purpose.ts';
import type { ExpertShare } from './expert-share.ts';
import type { LayerContext } from './context.ts';
import { among } from './context.ts';
import { flatRun, layOut } from './laying-out.ts';

const shaped = ({ dtype }: Tensor, shape: readonly number[], purpose: Purpose = 'workspace'): Program<Tensor> =>
  tensor(shape, dtype, purpose);
const permuteOp = (direction: Permute['direction'], few: Tensor, { places, rows }: { places: Tensor; rows: number }) =>
  ({
    kind: 'permute',
    direction,
    tokens: few.shape[0]!,
    choices: elementsOf(places) / few.shape[0]!,
    rows,
    width: few.shape[1]!,
    dtype: few.dtype,
  }) as const;
/** Replaces a tensor of this file's own by another, which `fill` makes of it. */
function* replaced(from: Tensor, into: Tensor, fill: Program<void>): Program<Tensor> {
  yield* fill;
  yield* release(from.block);
  return into;
}

/** `sent`: rows that this rank has for each of the expert ranks, one behind another; `received`: that each has for it. */
function* exchange(
  { groups: { expert } }: LayerContext,
  { whole, shard, width }: { whole: Tensor; shard: Tensor; width: number },
  { sent, received }: Pick<ExpertShare, 'sent' | 'received'>,
): Program<void> {
  const elements = (rows: readonly number[]): number[] => rows.map((count) => count * width);
  const parts = { sent: elements(sent), received: elements(received) };
  yield* collective({ operation: 'all-to-all', algorithm: { kind: 'direct' }, group: expert, whole, shard, parts });
}
const turned = ({ sent, received }: ExpertShare): Pick<ExpertShare, 'sent' | 'received'> => ({
  sent: received,
  received: sent,
});

/**
 * Rows stand by tensor rank, by expert rank and by expert as they come; of tensor ranks that got fewer than the most the
 * rest is padding. Where that is no order by expert, or there is padding, they are sorted, which leaves it out.
 */
const sorts = ({ groups }: LayerContext, { count, longest, worked }: ExpertShare): boolean =>
  (groups.expert.size * groups.expertTensor.size > 1 && count > 1) || longest * groups.expertTensor.size !== worked;

/** The rows as they come and by expert, of which `isBack` says which are made of which. */
function* sorted(
  share: ExpertShare,
  { from, into, isBack }: { from: Tensor; into: Tensor; isBack: boolean },
): Program<Tensor> {
  const elements = share.worked * into.shape[1]!;
  const runs = sortedRuns(share, into.shape[1]!).map((run) =>
    isBack ? { ...run, fromStart: run.toStart, toStart: run.fromStart } : run,
  );
  const op = layOut(from.dtype, { read: elements, written: elements, runs });
  return yield* replaced(from, into, compute(op, [from], [into]));
}
const sortedRuns = ({ arrivals, sizes, longest }: ExpertShare, width: number): readonly Run[] => {
  const next = sizes.map((_, expert) => sizes.slice(0, expert).reduce((sum, size) => sum + size, 0));
  const runs: Run[] = [];
  for (const [rank, peers] of arrivals.entries()) {
    let from = rank * longest;
    for (const counts of peers)
      for (const [expert, rows] of counts.entries()) {
        if (rows > 0) runs.push(flatRun(rows * width, { fromStart: from * width, toStart: next[expert]! * width }));
        from += rows;
        next[expert]! += rows;
      }
  }
  return runs;
};

/** input [tokens, width], which stays -> its rows at their experts [worked, width]. */
export function* toExperts(
  context: LayerContext,
  share: ExpertShare,
  { input, places, purpose }: { input: Tensor; places: Tensor; purpose: Purpose },
): Program<Tensor> {
  const { expert, expertTensor } = context.groups;
  const width = input.shape[1]!;
  const ways = [true, expert.size > 1, expertTensor.size > 1, sorts(context, share)];
  /** Only what arrives at last is kept. */
  const purposeAt = (way: number): Purpose => (ways.lastIndexOf(true) === way ? purpose : 'workspace');
  const isPadded = expertTensor.size > 1;
  let at = yield* shaped(input, [isPadded && !ways[1] ? share.longest : share.rows, width], purposeAt(0));
  yield* compute(permuteOp('spread', input, { places, rows: share.rows }), [input, places], [at]);
  if (ways[1]) {
    const shard = yield* shaped(input, [isPadded ? share.longest : share.arrived, width], purposeAt(1));
    const arrived = part(shard, 0, share.arrived * width);
    at = yield* replaced(at, shard, exchange(context, { whole: at, shard: arrived, width }, share));
  }
  if (ways[2]) {
    const whole = yield* shaped(input, [share.longest * expertTensor.size, width], purposeAt(2));
    at = yield* replaced(at, whole, among(context, expertTensor, 'all-gather', { whole, shard: at }));
  }
  if (!ways[3]) return at;
  const into = yield* shaped(input, [share.worked, width], purposeAt(3));
  return yield* sorted(share, { from: at, into, isBack: false });
}

/** Rows at their experts [worked, width], which are given up -> their sums [tokens, width] in `into`. */
export function* fromExperts(
  context: LayerContext,
  share: ExpertShare,
  { input, places, into }: { input: Tensor; places: Tensor; into: Tensor },
): Program<void> {
  const { expert, expertTensor } = context.groups;
  const width = into.shape[1]!;
  let at = input;
  if (sorts(context, share)) {
    const unsorted = yield* shaped(input, [share.longest * expertTensor.size, width]);
    at = yield* sorted(share, { from: at, into: unsorted, isBack: true });
  }
  if (expertTensor.size > 1) {
    const shard = yield* shaped(input, [share.longest, width]);
    at = yield* replaced(at, shard, among(context, expertTensor, 'reduce-scatter', { whole: at, shard }));
  }
  if (expert.size > 1) {
    const shard = yield* shaped(input, [share.rows, width]);
    const arrived = part(at, 0, share.arrived * width);
    at = yield* replaced(at, shard, exchange(context, { whole: arrived, shard, width }, turned(share)));
  }
  yield* compute(permuteOp('gather', into, { places, rows: share.rows }), [at, places], [into]);
  yield* release(at.block);
}
