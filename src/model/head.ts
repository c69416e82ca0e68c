/** The head: final norm, logits over this rank's part of the vocabulary, and the loss, of the model and its predictors. */
import { compute, release, tensor } from '../effects/ask.ts';
import type { Program } from '../effects/effect.ts';
import type { Tensor } from '../effects/tensor.ts';
import { elementsOf } from '../effects/tensor.ts';
import type { CrossEntropy } from '../kernels/op/token.ts';
import type { LayerContext } from './context.ts';
import { amongTensorRanks, findWeight, releaseAfterWeights, scratch, tableOf, unquantised } from './context.ts';
import type { UnitWeights, Weight } from './context.ts';
import { concatenation } from './laying-out.ts';
import { lossScale } from './precision.ts';
import { rowsAt } from './predictor.ts';
import { biasBackward, columnBackward, columnForward } from './projection.ts';
import { normBackward, normForward } from './residual.ts';

export interface HeadSaved {
  /** What the last layer made, and behind it what each predictor made, normed already. */
  readonly input: Tensor;
  readonly normalised: Tensor;
  /** For each of them what its loss keeps. */
  readonly losses: readonly LossSaved[];
  readonly labels: Tensor;
}
interface LossSaved {
  /** Of the logits over this rank's vocabulary, fp32 [T, V / tp]. */
  readonly exponentials: Tensor;
  /** By which a token's exponentials are its probabilities, fp32 [T]. */
  readonly scales: Tensor;
}

/** The loss is the mean over the tokens of a step; gradients are that many times too large on purpose. */
const weightOfToken = ({ job }: LayerContext): number =>
  lossScale(job.precision) / (job.workload.globalBatch * job.workload.sequence);

const lossOp = (context: LayerContext, pass: CrossEntropy['pass']): CrossEntropy => {
  const first = context.tensorIndex * context.vocabulary;
  return {
    kind: 'cross-entropy',
    pass,
    tokens: context.tokens,
    vocabulary: context.vocabulary,
    dtype: context.formats.activation,
    first,
    words: Math.max(0, Math.min(context.vocabulary, context.job.model.vocabulary - first)),
    weight: weightOfToken(context),
  };
};

/** What a rank tells the others of each token: the row's maximum, the sum of its exponentials, the label's logit. */
const STATISTICS = 3;

/** What a loss is made of: the rows of the vocabulary, their bias if there is one, and the labels [T]. */
interface Asked {
  readonly table: Tensor;
  readonly bias: Weight | null;
  readonly labels: Tensor;
  /** Losses of all tokens are added to it, fp32 [1]. */
  readonly total: Tensor;
}

/** input [rows, h] -> the loss, and what backward needs of it. The vocabulary is never quantised. */
function* lossForward(
  context: LayerContext,
  { table: weight, bias, labels, total }: Asked,
  input: Tensor,
): Program<LossSaved> {
  const { tokens, vocabulary } = context;
  const logits = yield* columnForward(unquantised(context), input, {
    weight,
    bias,
    isTable: true,
    width: vocabulary,
  });
  const exponentials = yield* tensor([tokens, vocabulary], 'fp32', 'activations');
  const own = yield* tensor([STATISTICS, tokens], 'fp32', 'workspace');
  yield* compute(lossOp(context, 'forward'), [logits, labels], [exponentials, own]);
  yield* release(logits.block);
  const scales = yield* tensor([tokens], 'fp32', 'activations');
  const { size: ranks } = context.groups.tensor;
  const all = ranks === 1 ? own : yield* tensor([ranks, STATISTICS, tokens], 'fp32', 'workspace');
  yield* amongTensorRanks(context, 'all-gather', { whole: all, shard: own });
  yield* compute({ kind: 'token-loss', tokens, ranks, self: context.tensorIndex }, [all, total], [scales, total]);
  for (const { block } of ranks === 1 ? [own] : [own, all]) yield* release(block);
  return { exponentials, scales };
}

/** input [(1 + predictors) rows, h], labels [T]: each predictor's are the same, read further on. */
export function* headForward(
  context: LayerContext,
  {
    weights,
    tied,
    input,
    labels,
    total,
  }: { weights: UnitWeights; tied: Weight | null; input: Tensor; labels: Tensor; total: Tensor },
): Program<HeadSaved> {
  const { rows, job } = context;
  const normalised = yield* normForward(context, { weights, name: 'final norm', input: rowsAt(input, 0, rows) });
  const table = (tied ?? tableOf(weights, 'head')).value;
  const asked = { table, bias: findWeight(weights, 'head bias'), labels, total };
  const losses: LossSaved[] = [];
  for (let index = 0; index <= job.model.predictors; index++)
    losses.push(yield* lossForward(context, asked, index === 0 ? normalised : rowsAt(input, index * rows, rows)));
  return { input, normalised, losses, labels };
}

/** -> gradient of the input, scratch; gives up all that was saved. */
export function* headBackward(
  context: LayerContext,
  { weights, tied, saved }: { weights: UnitWeights; tied: Weight | null; saved: HeadSaved },
): Program<Tensor> {
  const { input, normalised, losses, labels } = saved;
  const { rows } = context;
  const weight = tied ?? tableOf(weights, 'head');
  const bias = findWeight(weights, 'head bias');
  const gradients: Tensor[] = [];
  for (const [index, { exponentials, scales }] of losses.entries()) {
    const gradient = yield* scratch(context, [context.tokens, context.vocabulary]);
    yield* compute(lossOp(context, 'backward'), [exponentials, scales, labels], [gradient]);
    for (const { block } of [exponentials, scales]) yield* release(block);
    if (index === losses.length - 1) yield* release(labels.block);
    yield* biasBackward(context, { gradients: [gradient], bias });
    const from = index === 0 ? normalised : rowsAt(input, index * rows, rows);
    gradients.push(
      yield* columnBackward(unquantised(context), { input: from, gradients: [gradient], weight, isTable: true }),
    );
  }
  return yield* endBackward(context, { weights, saved, gradients });
}

/** The gradients of what each loss was made of -> gradient of the input, behind one another. */
function* endBackward(
  context: LayerContext,
  { weights, saved, gradients }: { weights: UnitWeights; saved: HeadSaved; gradients: readonly Tensor[] },
): Program<Tensor> {
  const { input, normalised } = saved;
  const [toNormalised, ...others] = gradients;
  const first = rowsAt(input, 0, context.rows);
  yield* releaseAfterWeights(context, normalised);
  const toFirst = yield* normBackward(context, { weights, name: 'final norm', input: first, gradient: toNormalised! });
  if (others.length === 0) {
    yield* release(input.block);
    return toFirst;
  }
  yield* releaseAfterWeights(context, input);
  const result = yield* scratch(context, input.shape);
  const parts = [toFirst, ...others];
  yield* compute(concatenation(parts.map(elementsOf), context.formats.activation), parts, [result]);
  for (const { block } of parts) yield* release(block);
  return result;
}
