/**
 * Linear layers split over the tensor ranks (Shoeybi et al. 2019), with the sequence split outside them if the layout
 * asks for it (Korthikanti et al. 2022). T tokens, h wide, t tensor ranks:
 * a column projection is W [h, n / t] on each rank, a row projection W [n / t, h]. A table of the vocabulary is a column
 * projection whose matrix stands the other way, W [V / t, h], for its rows are looked up too.
 */
import { compute, release, tensor } from '../effects/ask.ts';
import type { Program } from '../effects/effect.ts';
import { fork, join } from '../effects/program.ts';
import type { Tensor } from '../effects/tensor.ts';
import { elementsOf } from '../effects/tensor.ts';
import type { Matmul } from '../kernels/op/matmul.ts';
import type { LayerContext, Weight } from './context.ts';
import { activation, amongTensorRanks, forWeights, releaseAfterWeights, scratch } from './context.ts';

type Shape = Pick<Matmul, 'm' | 'n' | 'k'>;

/** The layers' multiplications run in the training precision's matrix format. */
const product = (
  { formats }: LayerContext,
  shape: Shape,
  transpose: Matmul['transpose'],
  bias: Weight | null = null,
): Matmul => ({
  kind: 'matmul',
  ...shape,
  batch: 1,
  transpose,
  dtype: formats.matrix,
  output: transpose === 'tn' ? formats.gradient : formats.activation,
  accumulates: transpose === 'tn',
  bias: bias !== null,
  isAttention: false,
});

/** A copy of what stands side by side in `operands`, quantised if the matrix format is narrower than the activations. */
export function* quantised(
  context: LayerContext,
  operands: readonly Tensor[],
  use: (operands: readonly Tensor[]) => Program<void>,
): Program<void> {
  const { matrix, activation: plain } = context.formats;
  if (matrix === plain) return yield* use(operands);
  const elements = operands.reduce((total, operand) => total + elementsOf(operand), 0);
  const copy = yield* tensor([elements], matrix, 'workspace');
  yield* compute({ kind: 'cast', elements, from: plain, to: matrix }, operands, [copy]);
  yield* use([copy]);
  yield* releaseAfterWeights(context, copy);
}

const columnsOf = ({ shape }: Tensor): number => shape[1]!;

/** With the sequence split, the rows of all tensor ranks; otherwise the tensor itself. */
function* gathered(context: LayerContext, rows: Tensor): Program<Tensor> {
  if (!context.isSequenceParallel) return rows;
  const whole = yield* scratch(context, [context.tokens, columnsOf(rows)]);
  yield* amongTensorRanks(context, 'all-gather', { whole, shard: rows });
  return whole;
}
function* releaseGathered(context: LayerContext, whole: Tensor): Program<void> {
  if (context.isSequenceParallel) yield* releaseAfterWeights(context, whole);
}

export type Allocated = (context: LayerContext, shape: readonly number[]) => Program<Tensor>;
/** What a branch adds to the residual: kept where a norm follows whose backward pass needs it. */
export const branchOutput: Allocated = (context, shape) =>
  context.job.model.postNorms ? activation(context, shape) : scratch(context, shape);

/** Sums the tensor ranks' partial [T, columns] into this rank's rows. The partial tensor is given up. */
export function* reduced(context: LayerContext, partial: Tensor, allocated: Allocated): Program<Tensor> {
  if (!context.isSequenceParallel) {
    yield* amongTensorRanks(context, 'all-reduce', { whole: partial, shard: partial });
    return partial;
  }
  const shard = yield* allocated(context, [context.rows, columnsOf(partial)]);
  yield* amongTensorRanks(context, 'reduce-scatter', { whole: partial, shard });
  yield* release(partial.block);
  return shard;
}

/** input [rows, k] -> what stands side by side in `outputs`, [T, widths], the bias added. */
export function* columnInto(
  context: LayerContext,
  {
    input,
    weight,
    bias,
    isTable = false,
    outputs,
  }: { input: Tensor; outputs: readonly Tensor[] } & Omit<Column, 'width'>,
): Program<void> {
  const n = outputs.reduce((total, output) => total + columnsOf(output), 0);
  const whole = yield* gathered(context, input);
  const shape = { m: context.tokens, n, k: columnsOf(input) };
  const added = bias === null ? [] : [bias.value];
  const transpose = isTable ? 'nt' : 'nn';
  yield* quantised(context, [whole], (operand) =>
    compute(product(context, shape, transpose, bias), [...operand, weight, ...added], outputs),
  );
  yield* releaseGathered(context, whole);
}
/** A projection's matrix, its bias if it has one, and how wide its output is on this rank. */
export interface Column {
  readonly weight: Tensor;
  readonly bias: Weight | null;
  /** True when the matrix stands with its outputs as rows. */
  readonly isTable?: boolean;
  readonly width: number;
}
/** input [rows, k] -> [T, width], kept for backward. */
export function* columnForward(context: LayerContext, input: Tensor, { width, ...column }: Column): Program<Tensor> {
  const output = yield* activation(context, [context.tokens, width]);
  yield* columnInto(context, { input, ...column, outputs: [output] });
  return output;
}

/** input [T, width] -> [rows, h]; `allocated` says whether backward needs it. */
export function* rowForward(
  context: LayerContext,
  { input, weight, allocated }: { input: Tensor; weight: Tensor; allocated: Allocated },
): Program<Tensor> {
  const { tokens, job, isSequenceParallel } = context;
  const n = job.model.hidden;
  const partial = yield* (isSequenceParallel ? scratch : allocated)(context, [tokens, n]);
  yield* quantised(context, [input], (operand) =>
    compute(product(context, { m: tokens, n, k: columnsOf(input) }, 'nn'), [...operand, weight], [partial]),
  );
  return yield* reduced(context, partial, allocated);
}

/**
 * Gradients side by side [T, widths] -> gradient of the input [rows, k], scratch; the sum over ranks runs beside the
 * weight's product. The gradients are given up; the input stays: its owner gives it up after its weights.
 */
export function* columnBackward(
  context: LayerContext,
  {
    input,
    gradients,
    weight,
    isTable = false,
  }: { input: Tensor; gradients: readonly Tensor[]; weight: Weight; isTable?: boolean },
): Program<Tensor> {
  const { tokens, job } = context;
  const k = columnsOf(input);
  const width = gradients.reduce((total, gradient) => total + columnsOf(gradient), 0);
  const partial = yield* scratch(context, [tokens, k]);
  const whole = yield* gathered(context, input);
  let result = partial;
  yield* quantised(context, gradients, function* (operand) {
    const back = product(context, { m: tokens, n: k, k: width }, isTable ? 'nn' : 'nt');
    yield* compute(back, [...operand, weight.value], [partial]);
    const sum = yield* fork(reduced(context, partial, scratch));
    if (!job.software.overlap) result = yield* join(sum);
    const [m, n] = isTable ? [width, k] : [k, width];
    const read = isTable ? [...operand, whole] : [whole, ...operand];
    yield* forWeights(context, () => compute(product(context, { m, n, k: tokens }, 'tn'), read, [weight.gradient]));
    result = yield* join(sum);
  });
  yield* releaseGathered(context, whole);
  for (const gradient of gradients) yield* releaseAfterWeights(context, gradient);
  return result;
}

/** gradient [rows, h] -> gradient of the input [T, width], scratch. Input and gradient stay: their owner gives them up. */
export function* rowBackward(
  context: LayerContext,
  { input, gradient, weight }: { input: Tensor; gradient: Tensor; weight: Weight },
): Program<Tensor> {
  const { tokens, job } = context;
  const { hidden } = job.model;
  const width = columnsOf(input);
  const result = yield* scratch(context, [tokens, width]);
  const whole = yield* gathered(context, gradient);
  yield* quantised(context, [whole], function* (operand) {
    yield* compute(product(context, { m: tokens, n: width, k: hidden }, 'nt'), [...operand, weight.value], [result]);
    yield* forWeights(context, () =>
      compute(product(context, { m: width, n: hidden, k: tokens }, 'tn'), [input, ...operand], [weight.gradient]),
    );
  });
  yield* releaseGathered(context, whole);
  return result;
}

/** The bias's gradient, if the layer has that bias. */
export function* biasBackward(
  context: LayerContext,
  { gradients, bias }: { gradients: readonly Tensor[]; bias: Weight | null },
): Program<void> {
  if (bias === null) return;
  const columns = elementsOf(bias.gradient);
  const rows = gradients.reduce((total, gradient) => total + elementsOf(gradient), 0) / columns;
  const { activation: dtype } = context.formats;
  yield* forWeights(context, () =>
    compute({ kind: 'bias-gradient', rows, columns, dtype }, gradients, [bias.gradient]),
  );
}
