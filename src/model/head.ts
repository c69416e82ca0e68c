/** The head: final norm, logits over this rank's part of the vocabulary, and the loss, of the model and its predictors. */
import { compute, release, tensor } from '../effects/ask.ts';
import type { Program } from '../effects/effect.ts';
import type { Tensor } from '../effects/tensor.ts';
import { elementsOf } from '../effects/tensor.ts';
import type { CrossEntropy } from '../kernels/op/token.ts';
import type { LayerContext } from './context.ts';
import { amongTensorRanks, findWeight, releaseAfterWeights, scratch, unquantised, weightOf } from './context.ts';
import type { UnitWeights, Weight } from './context.ts';
import { rowsAt } from './predictor.ts';
import { biasBackward, columnBackward, columnForward } from './projection.ts';
import { normBackward, normForward } from './residual.ts';

export interface HeadSaved {
  /** What the last layer made, and behind it what each predictor made, normed already. */
  readonly input: Tensor;
  readonly normalised: Tensor;
  /** For each of them the softmax over this rank's vocabulary, fp32 [T, V / tp]. */
  readonly probabilities: readonly Tensor[];
  readonly labels: Tensor;
}

const lossOp = (context: LayerContext, pass: CrossEntropy['pass']): CrossEntropy => ({
  kind: 'cross-entropy',
  pass,
  tokens: context.tokens,
  vocabulary: context.vocabulary,
  dtype: context.formats.activation,
});

/** Exchanges among tensor ranks that the loss needs: row maxima, the label's logit, the sums (Shoeybi et al. 2019). */
const EXCHANGES = 3;

/** input [rows, h] -> the loss, kept as the probabilities that backward needs. The vocabulary is never quantised. */
function* lossForward(
  context: LayerContext,
  { table, input, labels }: { table: Tensor; input: Tensor; labels: Tensor },
): Program<Tensor> {
  const logits = yield* columnForward(unquantised(context), input, table, context.vocabulary);
  const probabilities = yield* tensor([context.tokens, context.vocabulary], 'fp32', 'activations');
  yield* compute(lossOp(context, 'forward'), [logits, labels], [probabilities]);
  const sums = yield* tensor([context.tokens], 'fp32', 'workspace');
  for (let i = 0; i < EXCHANGES; i++) yield* amongTensorRanks(context, 'all-reduce', { whole: sums, shard: sums });
  yield* release(sums.block);
  yield* release(logits.block);
  return probabilities;
}

/** input [(1 + predictors) rows, h], labels [T]: each predictor's are the same, read further on. */
export function* headForward(
  context: LayerContext,
  { weights, tied, input, labels }: { weights: UnitWeights; tied: Weight | null; input: Tensor; labels: Tensor },
): Program<HeadSaved> {
  const { rows, job } = context;
  const normalised = yield* normForward(context, { weights, name: 'final norm', input: rowsAt(input, 0, rows) });
  const table = (tied ?? weightOf(weights, 'head')).value;
  const probabilities: Tensor[] = [];
  for (let index = 0; index <= job.model.predictors; index++) {
    const from = index === 0 ? normalised : rowsAt(input, index * rows, rows);
    probabilities.push(yield* lossForward(context, { table, input: from, labels }));
  }
  return { input, normalised, probabilities, labels };
}

/** -> gradient of the input, scratch; gives up all that was saved. */
export function* headBackward(
  context: LayerContext,
  { weights, tied, saved }: { weights: UnitWeights; tied: Weight | null; saved: HeadSaved },
): Program<Tensor> {
  const { input, normalised, probabilities, labels } = saved;
  const { rows } = context;
  const weight = tied ?? weightOf(weights, 'head');
  const bias = findWeight(weights, 'head bias');
  const gradients: Tensor[] = [];
  for (const [index, one] of probabilities.entries()) {
    const gradient = yield* scratch(context, [context.tokens, context.vocabulary]);
    yield* compute(lossOp(context, 'backward'), [one, labels], [gradient]);
    yield* release(one.block);
    if (index === probabilities.length - 1) yield* release(labels.block);
    yield* biasBackward(context, { gradients: [gradient], bias });
    const from = index === 0 ? normalised : rowsAt(input, index * rows, rows);
    gradients.push(yield* columnBackward(unquantised(context), { input: from, gradients: [gradient], weight }));
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
  const elements = elementsOf(result);
  const dtype = context.formats.activation;
  yield* compute({ kind: 'copy', read: elements, written: elements, dtype }, [toFirst, ...others], [result]);
  for (const { block } of [toFirst, ...others]) yield* release(block);
  return result;
}
