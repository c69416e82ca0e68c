/**
 * A module that predicts one token further (DeepSeek-V3, arXiv 2412.19437, section 2.2): what comes before it and the
 * next token's embedding, each normed, are projected to one and go through a layer. As in Megatron-Core what all modules
 * make stands behind one another, so that the head takes it as one: [k rows, h] comes in and [(k + 1) rows, h] goes on.
 */
import { compute, release, tensor } from '../effects/ask.ts';
import type { Program } from '../effects/effect.ts';
import type { Tensor } from '../effects/tensor.ts';
import { elementsOf, part } from '../effects/tensor.ts';
import type { Copy } from '../kernels/op/routing.ts';
import type { LayerContext, Weight } from './context.ts';
import { activation, amongTensorRanks, releaseAfterWeights, scratch, weightOf } from './context.ts';
import { lookUp, lookUpBackward } from './embedding.ts';
import { layOut } from './laying-out.ts';
import type { Layer, LayerRecompute, LayerSaved } from './layer.ts';
import { layerBackward, layerForward } from './layer.ts';
import { columnBackward, columnInto } from './projection.ts';
import { normBackward, normGradient, normInto } from './residual.ts';

export interface PredictorSaved {
  readonly input: Tensor;
  readonly ids: Tensor;
  readonly embedded: Tensor;
  /** Both norms' outputs. */
  readonly merged: Tensor;
  readonly layer: LayerSaved;
  /** What the layer made. */
  readonly predicted: Tensor;
}

/** `count` rows of [rows, width] from row `start`. */
export const rowsAt = (tensor: Tensor, start: number, count: number): Tensor => {
  const width = tensor.shape[1]!;
  return { ...part(tensor, start * width, count * width), shape: [count, width] };
};
const copyOp = (elements: number, { dtype }: Tensor): Copy =>
  layOut(dtype, { read: elements, written: elements, runs: [] });
/** What the module before has made: the last rows. */
const lastOf = ({ rows }: LayerContext, tensor: Tensor): Tensor => rowsAt(tensor, tensor.shape[0]! - rows, rows);
/** Two halves, each [rows, h], of what goes into the projection to one. */
const halvesOf = ({ rows, job }: LayerContext, merged: Tensor): readonly [Tensor, Tensor] => {
  const half = (index: number): Tensor => {
    const length = rows * job.model.hidden;
    return { ...part(merged, index * length, length), shape: [rows, job.model.hidden] };
  };
  return [half(0), half(1)];
};

/** `table`: the embedding's; `labels` [T] are the tokens that follow. */
export function* predictorForward(
  context: LayerContext,
  layer: Layer,
  { table, input, labels, recompute }: { table: Weight; input: Tensor; labels: Tensor; recompute: LayerRecompute },
): Program<{ output: Tensor; saved: PredictorSaved }> {
  const { rows, job } = context;
  const { weights } = layer;
  const ids = yield* tensor(labels.shape, labels.dtype, 'activations');
  yield* compute(copyOp(elementsOf(ids), ids), [labels], [ids]);
  const embedded = yield* lookUp(context, { table, positions: null, ids });
  const merged = yield* activation(context, [rows, 2 * job.model.hidden]);
  const [hidden, token] = halvesOf(context, merged);
  yield* normInto(context, { weights, name: 'hidden norm', input: lastOf(context, input), output: hidden });
  yield* normInto(context, { weights, name: 'token norm', input: embedded, output: token });
  const start = yield* mergeForward(context, layer, merged);
  const { output: predicted, saved } = yield* layerForward(context, layer, { input: start, keys: [], recompute });
  const output = yield* activation(context, [input.shape[0]! + rows, job.model.hidden]);
  yield* compute(copyOp(elementsOf(input), input), [input], [output]);
  yield* normInto(context, { weights, name: 'predictor norm', input: predicted, output: lastOf(context, output) });
  return { output, saved: { input, ids, embedded, merged, layer: saved, predicted } };
}

/** merged [rows, 2 h] -> [rows, h]: each tensor rank makes some columns of all rows, and gets the other columns of its own. */
function* mergeForward(context: LayerContext, { weights }: Layer, merged: Tensor): Program<Tensor> {
  const { tokens, rows, job, isSequenceParallel } = context;
  const { hidden } = job.model;
  const { tp } = job.layout;
  const columns = yield* (tp === 1 ? activation : scratch)(context, [tokens, hidden / tp]);
  const weight = weightOf(weights, 'merge').value;
  yield* columnInto(context, { input: merged, weight, bias: null, outputs: [columns] });
  if (tp === 1) return columns;
  const whole = yield* (isSequenceParallel ? scratch : activation)(context, [tokens, hidden]);
  yield* amongTensorRanks(context, 'all-gather', { whole, shard: columns });
  yield* release(columns.block);
  if (!isSequenceParallel) return whole;
  const own = yield* activation(context, [rows, hidden]);
  yield* compute(copyOp(elementsOf(own), own), [whole], [own]);
  yield* release(whole.block);
  return own;
}

/** Gradient of the output [(k + 1) rows, h], given up -> that of the input [k rows, h], scratch; gives up all that was saved. */
export function* predictorBackward(
  context: LayerContext,
  layer: Layer,
  { table, saved, gradient }: { table: Weight; saved: PredictorSaved; gradient: Tensor },
): Program<Tensor> {
  const { weights } = layer;
  const { input, ids, embedded, merged, predicted } = saved;
  const toPredicted = yield* normGradient(context, {
    weights,
    name: 'predictor norm',
    input: predicted,
    gradient: lastOf(context, gradient),
  });
  yield* release(predicted.block);
  const through = { saved: saved.layer, gradient: toPredicted, fromBehind: [] };
  const { gradient: toStart } = yield* layerBackward(context, layer, through);
  const toMerged = yield* mergeBackward(context, layer, { merged, gradient: toStart });
  const [toHiddenNorm, toTokenNorm] = halvesOf(context, toMerged);
  const back = { weights, name: 'hidden norm', input: lastOf(context, input), gradient: toHiddenNorm };
  const toHidden = yield* normGradient(context, back);
  const result = yield* inputGradient(context, { input, gradient, toHidden });
  for (const { block } of [gradient, toHidden, input]) yield* release(block);
  // Both halves are one block, and this is the last of them to be read.
  const toToken = yield* normBackward(context, { weights, name: 'token norm', input: embedded, gradient: toTokenNorm });
  yield* release(embedded.block);
  yield* lookUpBackward(context, { table, positions: null, ids, gradient: toToken });
  return result;
}

/** A tensor of its own: whoever gives it up gives up as much as the gradient of any other unit's input is. */
function* inputGradient(
  context: LayerContext,
  { input, gradient, toHidden }: { input: Tensor; gradient: Tensor; toHidden: Tensor },
): Program<Tensor> {
  const { rows, formats } = context;
  const result = yield* scratch(context, input.shape);
  const before = input.shape[0]! - rows;
  if (before > 0) {
    const straight = rowsAt(result, 0, before);
    yield* compute(copyOp(elementsOf(straight), straight), [gradient], [straight]);
  }
  const last = lastOf(context, result);
  const add = { kind: 'add', elements: elementsOf(last), dtype: formats.activation } as const;
  yield* compute(add, [rowsAt(gradient, before, rows), toHidden], [last]);
  return result;
}

/** gradient [rows, h], given up as `merged` is -> gradient of the merged [rows, 2 h], scratch. */
function* mergeBackward(
  context: LayerContext,
  { weights }: Layer,
  { merged, gradient }: { merged: Tensor; gradient: Tensor },
): Program<Tensor> {
  const { tokens, job, isSequenceParallel } = context;
  const { hidden } = job.model;
  const { tp } = job.layout;
  let columns = gradient;
  if (tp > 1) {
    let whole = gradient;
    if (isSequenceParallel) {
      whole = yield* scratch(context, [tokens, hidden]);
      yield* amongTensorRanks(context, 'all-gather', { whole, shard: gradient });
      yield* release(gradient.block);
    }
    columns = yield* scratch(context, [tokens, hidden / tp]);
    yield* compute(copyOp(elementsOf(columns), columns), [whole], [columns]);
    yield* release(whole.block);
  }
  const weight = weightOf(weights, 'merge');
  const result = yield* columnBackward(context, { input: merged, gradients: [columns], weight });
  yield* releaseAfterWeights(context, merged);
  return result;
}
