/** A transformer layer: attention and MLP, each after a norm and around a residual, forward and backward. */
import { release, section } from '../effects/ask.ts';
import type { Program } from '../effects/effect.ts';
import type { Tensor } from '../effects/tensor.ts';
import type { RecomputeModule } from '../scenario/job.ts';
import type { LayerKind } from '../scenario/layer-kind.ts';
import { attentionBackward, attentionForward, attentionTensors, sharedKeys } from './attention-branch.ts';
import type { AttentionSaved } from './attention-branch.ts';
import type { LayerContext, UnitWeights } from './context.ts';
import { forwardOnly, releaseAfterWeights } from './context.ts';
import { mlpBackward, mlpBranchTensors, mlpForward } from './mlp-branch.ts';
import type { MlpBranchSaved } from './mlp-branch.ts';
import { addInto } from './residual.ts';

/** How much of a layer backward computes again. */
export type LayerRecompute = 'all' | ReadonlySet<RecomputeModule>;

/** A layer with its weights. */
export interface Layer {
  readonly kind: LayerKind;
  readonly weights: UnitWeights;
}
/** Keys and values that the layers behind read, from the last layer that has its own; empty when they have theirs. */
export type SharedKeys = readonly Tensor[];

interface Inside {
  readonly attention: AttentionSaved;
  /** Input of the MLP's norm: the attention's sum, or the layer's input in a parallel block. */
  readonly middle: Tensor;
  readonly mlp: MlpBranchSaved;
}
export interface LayerSaved {
  readonly input: Tensor;
  /** Null when backward runs the forward pass again. */
  readonly inside: Inside | null;
  /** What the layer read of a layer before, and what layers behind read of it. */
  readonly keys: SharedKeys;
  readonly shared: SharedKeys;
}

function* inside(
  context: LayerContext,
  layer: Layer,
  { input, keys, drops }: { input: Tensor; keys: SharedKeys; drops: ReadonlySet<RecomputeModule> },
): Program<{ output: Tensor; inside: Inside }> {
  const { parallelBlock } = context.job.model;
  const attention = yield* attentionForward(context, { ...layer, input }, { keys, drops });
  const middle = parallelBlock ? input : attention.output;
  const mlp = yield* mlpForward(context, { ...layer, input: middle }, { residual: attention.output, drops });
  if (parallelBlock) yield* release(attention.output.block);
  return { output: mlp.output, inside: { attention: attention.saved, middle, mlp: mlp.saved } };
}

/**
 * input [rows, h] -> output of the same shape, which belongs to the next layer; the input is kept for backward. `keys`:
 * those that a layer without its own reads; the answer has those that the next one would.
 */
export function* layerForward(
  context: LayerContext,
  layer: Layer,
  { input, keys, recompute }: { input: Tensor; keys: SharedKeys; recompute: LayerRecompute },
): Program<{ output: Tensor; saved: LayerSaved; keys: SharedKeys }> {
  const drops: ReadonlySet<RecomputeModule> = recompute === 'all' ? new Set() : recompute;
  const read = layer.kind.ownsKeys ? [] : keys;
  const run = yield* inside(context, layer, { input, keys: read, drops });
  const shared = sharedKeys(run.inside.attention);
  const result = { output: run.output, keys: layer.kind.ownsKeys ? shared : keys };
  if (recompute !== 'all') return { ...result, saved: { input, inside: run.inside, keys: read, shared } };
  yield* releaseInside(context, run.inside);
  return { ...result, saved: { input, inside: null, keys: read, shared } };
}

/**
 * gradient of the output -> gradient of the input, scratch; gives up all that was saved and the gradient. `fromBehind`:
 * gradients of keys and values from the layers behind that read them, for the layer that they are of.
 */
export function* layerBackward(
  context: LayerContext,
  layer: Layer,
  { saved, gradient, fromBehind }: { saved: LayerSaved; gradient: Tensor; fromBehind: readonly Tensor[] },
): Program<{ gradient: Tensor; toKeysBefore: readonly Tensor[] }> {
  const { parallelBlock } = context.job.model;
  const { input } = saved;
  const kept =
    saved.inside ??
    (yield* section(`recompute ${layer.kind.name}`, () => again(forwardOnly(context), layer, saved), {
      term: 'recompute',
    }));
  const fromMlp = yield* mlpBackward(context, { ...layer, input: kept.middle }, { saved: kept.mlp, gradient });
  // What reaches the middle goes on to the attention, except in a parallel block, where both see the layer's gradient.
  let toMiddle = gradient;
  if (!parallelBlock) {
    toMiddle = yield* summed(context, fromMlp, gradient);
    yield* release(kept.middle.block);
  }
  const own = { saved: kept.attention, gradient: toMiddle, fromBehind: layer.kind.ownsKeys ? fromBehind : [] };
  const { gradient: fromAttention, toKeysBefore } = yield* attentionBackward(context, { ...layer, input }, own);
  const result = yield* summed(context, fromAttention, toMiddle);
  if (parallelBlock) {
    yield* addInto(context, result, fromMlp);
    yield* release(fromMlp.block);
  }
  yield* release(input.block);
  return { gradient: result, toKeysBefore: toKeysBefore === null ? [] : [...fromBehind, toKeysBefore] };
}

/** The branch's gradient with that of the residual beside it added, which the branch's weights were the last to need. */
function* summed(context: LayerContext, branch: Tensor, residual: Tensor): Program<Tensor> {
  yield* addInto(context, branch, residual);
  yield* releaseAfterWeights(context, residual);
  return branch;
}

/** What only the layer's own backward pass needs: all that was kept but the keys that layers behind read. */
export const ownTensors = ({ job }: LayerContext, { input, inside: kept }: LayerSaved): readonly Tensor[] =>
  kept === null ? [input] : [input, ...insideTensors(job.model.parallelBlock, kept)];

/** In a parallel block the middle is the input. */
const insideTensors = (parallelBlock: boolean, { attention, middle, mlp }: Inside): readonly Tensor[] => [
  ...attentionTensors(attention),
  ...mlpBranchTensors(mlp),
  ...(parallelBlock ? [] : [middle]),
];

/** Runs the forward pass for what backward needs; its output, and shared keys that are still there, are not wanted. */
function* again(context: LayerContext, layer: Layer, { input, keys, shared }: LayerSaved): Program<Inside> {
  for (const { block } of shared) yield* release(block);
  const run = yield* inside(context, layer, { input, keys, drops: new Set() });
  yield* release(run.output.block);
  return run.inside;
}

function* releaseInside({ job }: LayerContext, kept: Inside): Program<void> {
  for (const { block } of insideTensors(job.model.parallelBlock, kept)) yield* release(block);
}
