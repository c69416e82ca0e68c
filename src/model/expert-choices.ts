/**
 * What ranks tell each other of their choices of experts before any row travels: how many there are in the other parts of a
 * sequence, so that a capacity and a loss are the sequence's own, however it is split; and how many rows to expect.
 */
import { compute, release, route, tensor } from '../effects/ask.ts';
import type { Program } from '../effects/effect.ts';
import type { Tensor } from '../effects/tensor.ts';
import { part } from '../effects/tensor.ts';
import type { Balance, Capacity } from '../kernels/op/routing.ts';
import { rowsOf } from '../kernels/op/positions.ts';
import type { Purpose } from '../memory/purpose.ts';
import type { LayerContext } from './context.ts';
import { among, piecesOf } from './context.ts';
import type { ExpertShare } from './expert-share.ts';
import { expectedRows, expertShare } from './expert-share.ts';
import { copyOf } from './laying-out.ts';
import { lossScale } from './precision.ts';

/** True of a job whose loss has a part that balances the experts. */
export const balances = ({ job }: LayerContext): boolean => job.training.auxiliaryLoss > 0;
const capacityOf = ({ job }: LayerContext): number | null => job.software.expertCapacity;

const greatestDivisor = (a: number, b: number): number => (b === 0 ? a : greatestDivisor(b, a % b));
/** Rows of the longest blocks that rows of every rank are whole numbers of, each within one piece of a sequence. */
const blockRowsOf = ({ rows, at }: LayerContext): number => greatestDivisor(rows, at.length);

/** Which of the microbatch's sequences a block is of, and the position of its first row. */
interface Block {
  readonly sequence: number;
  readonly start: number;
}
/** The blocks of all ranks that share the sequences: by context rank, then by tensor rank where those split the rows. */
const blocksOf = (context: LayerContext): readonly Block[] => {
  const { job, at, tokens } = context;
  const length = blockRowsOf(context);
  const perRank = Array.from({ length: tokens / length }, (_, index) => index * length);
  return Array.from({ length: job.layout.cp }, (_, rank) => piecesOf(job, rank).starts).flatMap((starts) =>
    perRank.map((row) => {
      const within = row % rowsOf(at);
      const piece = Math.floor(within / at.length);
      return { sequence: Math.floor(row / rowsOf(at)), start: starts[piece]! + (within % at.length) };
    }),
  );
};

/** For each block of this rank, those of its sequence that `holds` is true of, by their rows of the counts. */
const ofSequences = (
  context: LayerContext,
  holds: (other: Block, own: Block) => boolean,
): readonly (readonly number[])[] => {
  const blocks = blocksOf(context);
  const { rows, tokens, contextIndex, tensorIndex } = context;
  const length = blockRowsOf(context);
  const first = (contextIndex * tokens + (context.isSequenceParallel ? tensorIndex * rows : 0)) / length;
  return blocks
    .slice(first, first + rows / length)
    .map((own) =>
      [...blocks.keys()].filter((index) => blocks[index]!.sequence === own.sequence && holds(blocks[index]!, own)),
    );
};

/** An expert takes at most c S k / e rows of a sequence of S tokens, rounded up. */
export const expertCapacity = (context: LayerContext): Capacity | null => {
  const factor = capacityOf(context);
  if (factor === null) return null;
  const { model, workload } = context.job;
  const { count, active } = model.experts!;
  const most = Math.ceil((factor * workload.sequence * active) / count);
  return {
    most,
    blockRows: blockRowsOf(context),
    before: ofSequences(context, (other, own) => other.start < own.start),
  };
};

/**
 * The loss of a sequence is a e sum of f P: of e experts, f is the share of the sequence's S k choices that one gets, P the
 * mean over its tokens of the softmax of all scores. It joins the loss as the mean over the sequences of a step.
 */
export const expertBalance = (context: LayerContext): Balance | null => {
  if (!balances(context)) return null;
  const { model, workload, training, precision } = context.job;
  const { count, active } = model.experts!;
  const { sequence, globalBatch } = workload;
  const weight = (lossScale(precision) * training.auxiliaryLoss * count) / (globalBatch * sequence * sequence * active);
  return { weight, blockRows: blockRowsOf(context), sequences: ofSequences(context, () => true) };
};

/** The experts of each row [rows, k] -> how often each block of all ranks chooses each expert. */
export function* countChoices(context: LayerContext, experts: Tensor): Program<Tensor> {
  const { groups, rows, isSequenceParallel } = context;
  const { count, active } = context.job.model.experts!;
  const blockRows = blockRowsOf(context);
  const sharers = [...(isSequenceParallel ? [groups.tensor] : []), groups.context].filter(({ size }) => size > 1);
  /** Only what all have told is kept, and only for a backward pass that reads it. */
  const purposeAt = (told: number): Purpose =>
    told === sharers.length && balances(context) ? 'activations' : 'workspace';
  let blocks = rows / blockRows;
  let counts = yield* tensor([blocks, count], 'int32', purposeAt(0));
  yield* compute({ kind: 'choice-counts', tokens: rows, experts: count, active, blockRows }, [experts], [counts]);
  for (const [index, group] of sharers.entries()) {
    blocks *= group.size;
    const whole = yield* tensor([blocks, count], 'int32', purposeAt(index + 1));
    yield* among(context, group, 'all-gather', { whole, shard: counts });
    yield* release(counts.block);
    counts = whole;
  }
  return counts;
}

/** Rows that go from this rank to each expert [e], given up -> what all ranks know of their share of the work. */
export function* agreeOnRows(context: LayerContext, taken: Tensor): Program<ExpertShare> {
  const { expert, expertTensor } = context.groups;
  const { count } = context.job.model.experts!;
  const told = yield* tensor([1 + expertTensor.size, count], 'int32', 'workspace');
  const arriving = part(told, count, expertTensor.size * count);
  const own = part(arriving, context.expertTensorIndex * count, count);
  yield* compute(copyOf(count, 'int32'), [taken], [part(told, 0, count)]);
  if (expert.size === 1) yield* compute(copyOf(count, 'int32'), [taken], [own]);
  else yield* among(context, expert, 'all-to-all', { whole: taken, shard: own });
  yield* among(context, expertTensor, 'all-gather', { whole: arriving, shard: own });
  yield* release(taken.block);
  const rows = yield* route(told, expectedRows(context));
  yield* release(told.block);
  return expertShare(context, rows);
}
