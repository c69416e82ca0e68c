/**
 * Linear layers split over the tensor ranks (Shoeybi et al. 2019), with the sequence split outside them if the layout
 * asks for it (Korthikanti et al. 2022). T tokens, h wide, t tensor ranks:
 * a column projection is W [h, n / t] on each rank, a row projection W [n / t, h].
 */
import { compute, release, tensor } from '../effects/ask.ts';
import type { Program } from '../effects/effect.ts';
import { fork, join } from '../effects/program.ts';
import type { Tensor } from '../effects/tensor.ts';
import { elementsOf } from '../effects/tensor.ts';
import type { Matmul } from '../kernels/op/matmul.ts';
import type { LayerContext } from './context.ts';
import { activation, amongTensorRanks, scratch } from './context.ts';

/** A weight and the place of its gradient. */
export interface Weight {
  readonly value: Tensor;
  readonly gradient: Tensor;
}

type Shape = Pick<Matmul, 'm' | 'n' | 'k'>;

/** The layers' multiplications run in the training precision's matrix format. */
const product = ({ formats }: LayerContext, shape: Shape, transpose: Matmul['transpose']): Matmul => ({
  kind: 'matmul',
  ...shape,
  batch: 1,
  transpose,
  dtype: formats.matrix,
  output: transpose === 'tn' ? formats.gradient : formats.activation,
  accumulates: transpose === 'tn',
});

/** Quantises an operand if the matrix format is narrower than the activations; the copy lives as long as `use`. */
function* quantised(context: LayerContext, operand: Tensor, use: (operand: Tensor) => Program<void>): Program<void> {
  const { matrix, activation: plain } = context.formats;
  if (matrix === plain) return yield* use(operand);
  const copy = yield* tensor(operand.shape, matrix, 'workspace');
  yield* compute({ kind: 'cast', elements: elementsOf(operand), from: plain, to: matrix }, [operand], [copy]);
  yield* use(copy);
  yield* release(copy.block);
}

/** With the sequence split, the rows of all tensor ranks; otherwise the tensor itself. */
function* gathered(context: LayerContext, rows: Tensor): Program<Tensor> {
  if (!context.isSequenceParallel) return rows;
  const whole = yield* scratch(context, [context.tokens, context.job.model.hidden]);
  yield* amongTensorRanks(context, 'all-gather', { whole, shard: rows });
  return whole;
}
function* releaseGathered(context: LayerContext, whole: Tensor): Program<void> {
  if (context.isSequenceParallel) yield* release(whole.block);
}

/** Sums the tensor ranks' partial [T, h] into this rank's rows. The partial tensor is given up. */
function* reduced(context: LayerContext, partial: Tensor): Program<Tensor> {
  if (!context.isSequenceParallel) {
    yield* amongTensorRanks(context, 'all-reduce', { whole: partial, shard: partial });
    return partial;
  }
  const shard = yield* scratch(context, [context.rows, context.job.model.hidden]);
  yield* amongTensorRanks(context, 'reduce-scatter', { whole: partial, shard });
  yield* release(partial.block);
  return shard;
}

/** input [rows, h] -> [T, width], kept for backward. */
export function* columnForward(context: LayerContext, input: Tensor, weight: Tensor, width: number): Program<Tensor> {
  const { tokens, job } = context;
  const output = yield* activation(context, [tokens, width]);
  const whole = yield* gathered(context, input);
  yield* quantised(context, whole, (operand) =>
    compute(product(context, { m: tokens, n: width, k: job.model.hidden }, 'nn'), [operand, weight], [output]),
  );
  yield* releaseGathered(context, whole);
  return output;
}

/** input [T, width] -> [rows, h], scratch. */
export function* rowForward(context: LayerContext, input: Tensor, weight: Tensor, width: number): Program<Tensor> {
  const { tokens, job } = context;
  const partial = yield* scratch(context, [tokens, job.model.hidden]);
  yield* quantised(context, input, (operand) =>
    compute(product(context, { m: tokens, n: job.model.hidden, k: width }, 'nn'), [operand, weight], [partial]),
  );
  return yield* reduced(context, partial);
}

/** gradient [T, width] -> gradient of the input [rows, h], scratch; the sum over ranks runs beside the weight's product. */
export function* columnBackward(
  context: LayerContext,
  { input, gradient, weight, width }: { input: Tensor; gradient: Tensor; weight: Weight; width: number },
): Program<Tensor> {
  const { tokens, job } = context;
  const { hidden } = job.model;
  const partial = yield* scratch(context, [tokens, hidden]);
  const whole = yield* gathered(context, input);
  let result = partial;
  yield* quantised(context, gradient, function* (operand) {
    yield* compute(product(context, { m: tokens, n: hidden, k: width }, 'nt'), [operand, weight.value], [partial]);
    const sum = yield* fork(reduced(context, partial));
    if (!job.software.overlap) result = yield* join(sum);
    yield* compute(product(context, { m: hidden, n: width, k: tokens }, 'tn'), [whole, operand], [weight.gradient]);
    result = yield* join(sum);
  });
  yield* releaseGathered(context, whole);
  return result;
}

/** gradient [rows, h] -> gradient of the input [T, width], scratch. */
export function* rowBackward(
  context: LayerContext,
  { input, gradient, weight, width }: { input: Tensor; gradient: Tensor; weight: Weight; width: number },
): Program<Tensor> {
  const { tokens, job } = context;
  const { hidden } = job.model;
  const result = yield* scratch(context, [tokens, width]);
  const whole = yield* gathered(context, gradient);
  yield* quantised(context, whole, function* (operand) {
    yield* compute(product(context, { m: tokens, n: width, k: hidden }, 'nt'), [operand, weight.value], [result]);
    yield* compute(product(context, { m: width, n: hidden, k: tokens }, 'tn'), [input, operand], [weight.gradient]);
  });
  yield* releaseGathered(context, whole);
  return result;
}

/** The bias's gradient, if the layer has that bias. */
export function* biasBackward(
  context: LayerContext,
  { gradient, bias }: { gradient: Tensor; bias: Tensor | null },
): Program<void> {
  if (bias === null) return;
  const columns = elementsOf(bias);
  const rows = elementsOf(gradient) / columns;
  yield* compute({ kind: 'bias-gradient', rows, columns, dtype: context.formats.activation }, [gradient], [bias]);
}
