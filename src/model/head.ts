/** The head: final norm, logits over this rank's part of the vocabulary, and the loss. */
import { compute, release, tensor } from '../effects/ask.ts';
import type { Program } from '../effects/effect.ts';
import type { Tensor } from '../effects/tensor.ts';
import type { CrossEntropy } from '../kernels/op/token.ts';
import type { LayerContext } from './context.ts';
import { amongTensorRanks, scratch, view } from './context.ts';
import type { UnitWeights } from './context.ts';
import { biasBackward, columnBackward, columnForward } from './projection.ts';
import { normBackward, normForward } from './residual.ts';

export interface HeadSaved {
  readonly input: Tensor;
  readonly normalised: Tensor;
  /** The softmax over this rank's vocabulary, fp32 [T, V / tp]. */
  readonly probabilities: Tensor;
  readonly labels: Tensor;
}

const lossOp = (context: LayerContext, pass: CrossEntropy['pass']): CrossEntropy => ({
  kind: 'cross-entropy',
  pass,
  tokens: context.tokens,
  vocabulary: context.vocabulary,
  dtype: context.formats.activation,
});

/** The vocabulary stays in the activations' format: engines leave the head out of quantisation. */
const plain = (context: LayerContext): LayerContext => ({
  ...context,
  formats: { ...context.formats, matrix: context.formats.activation },
});

/** Exchanges among tensor ranks that the loss needs: row maxima, the label's logit, the sums (Shoeybi et al. 2019). */
const EXCHANGES = 3;

/** input [rows, h], labels [T] -> the loss, kept as the probabilities that backward needs. */
export function* headForward(
  context: LayerContext,
  { values, tied, input, labels }: { values: Tensor; tied: Tensor | null; input: Tensor; labels: Tensor },
): Program<HeadSaved> {
  const normalised = yield* normForward(context, { values, unit: 'head', name: 'final norm', input });
  const weight = tied ?? view(values, context.parameters.head, 'head');
  const logits = yield* columnForward(plain(context), normalised, weight, context.vocabulary);
  const probabilities = yield* tensor([context.tokens, context.vocabulary], 'fp32', 'activations');
  yield* compute(lossOp(context, 'forward'), [logits, labels], [probabilities]);
  const sums = yield* tensor([context.tokens], 'fp32', 'workspace');
  for (let i = 0; i < EXCHANGES; i++) yield* amongTensorRanks(context, 'all-reduce', { whole: sums, shard: sums });
  yield* release(sums.block);
  yield* release(logits.block);
  return { input, normalised, probabilities, labels };
}

/** -> gradient of the input [rows, h], scratch; gives up all that was saved. */
export function* headBackward(
  context: LayerContext,
  { weights, tied, saved }: { weights: UnitWeights; tied: UnitWeights | null; saved: HeadSaved },
): Program<Tensor> {
  const { input, normalised, probabilities, labels } = saved;
  const parameters = context.parameters.head;
  const gradient = yield* scratch(context, [context.tokens, context.vocabulary]);
  yield* compute(lossOp(context, 'backward'), [probabilities, labels], [gradient]);
  yield* release(probabilities.block);
  yield* release(labels.block);
  if (context.job.model.bias.head)
    yield* biasBackward(context, { gradient, bias: view(weights.gradients, parameters, 'head bias') });
  const weight = {
    value: tied?.values ?? view(weights.values, parameters, 'head'),
    gradient: tied?.gradients ?? view(weights.gradients, parameters, 'head'),
  };
  const toNorm = yield* columnBackward(plain(context), {
    input: normalised,
    gradient,
    weight,
    width: context.vocabulary,
  });
  yield* release(gradient.block);
  yield* release(normalised.block);
  const result = yield* normBackward(context, {
    ...weights,
    unit: 'head',
    name: 'final norm',
    input,
    gradient: toNorm,
  });
  yield* release(input.block);
  return result;
}
