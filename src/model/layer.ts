/** A transformer layer: attention and MLP, each after a norm and around a residual, forward and backward. */
import { release, section } from '../effects/ask.ts';
import type { Program } from '../effects/effect.ts';
import type { Tensor } from '../effects/tensor.ts';
import type { RecomputeModule } from '../scenario/job.ts';
import { attentionBackward, attentionForward, attentionTensors } from './attention-branch.ts';
import type { AttentionSaved } from './attention-branch.ts';
import type { LayerContext, UnitWeights } from './context.ts';
import { mlpBackward, mlpForward, mlpTensors } from './mlp-branch.ts';
import type { MlpSaved } from './mlp-branch.ts';
import { addInto } from './residual.ts';

/** How much of a layer backward computes again. */
export type LayerRecompute = 'all' | ReadonlySet<RecomputeModule>;

interface Inside {
  readonly attention: AttentionSaved;
  /** Input of the MLP's norm: the attention's sum, or the layer's input in a parallel block. */
  readonly middle: Tensor;
  readonly mlp: MlpSaved;
}
export interface LayerSaved {
  readonly input: Tensor;
  /** Null when backward runs the forward pass again. */
  readonly inside: Inside | null;
}

function* inside(
  context: LayerContext,
  { values, input, drops }: { values: Tensor; input: Tensor; drops: ReadonlySet<RecomputeModule> },
): Program<{ output: Tensor; inside: Inside }> {
  const { parallelBlock } = context.job.model;
  const attention = yield* attentionForward(context, { values, input, drops });
  const middle = parallelBlock ? input : attention.output;
  const mlp = yield* mlpForward(context, { values, input: middle, residual: attention.output, drops });
  if (parallelBlock) yield* release(attention.output.block);
  return { output: mlp.output, inside: { attention: attention.saved, middle, mlp: mlp.saved } };
}

/** input [rows, h] -> output of the same shape, which belongs to the next layer; the input is kept for backward. */
export function* layerForward(
  context: LayerContext,
  { values, input, recompute }: { values: Tensor; input: Tensor; recompute: LayerRecompute },
): Program<{ output: Tensor; saved: LayerSaved }> {
  const drops: ReadonlySet<RecomputeModule> = recompute === 'all' ? new Set() : recompute;
  const run = yield* inside(context, { values, input, drops });
  if (recompute !== 'all') return { output: run.output, saved: { input, inside: run.inside } };
  yield* releaseInside(context, run.inside);
  return { output: run.output, saved: { input, inside: null } };
}

/** gradient of the output -> gradient of the input, scratch; gives up all that was saved and the gradient. */
export function* layerBackward(
  context: LayerContext,
  { weights, saved, gradient }: { weights: UnitWeights; saved: LayerSaved; gradient: Tensor },
): Program<Tensor> {
  const { parallelBlock } = context.job.model;
  const { input } = saved;
  const kept =
    saved.inside ??
    (yield* section('recompute layer', () => again(context, weights.values, input), { term: 'recompute' }));
  const fromMlp = yield* mlpBackward(context, { weights, saved: kept.mlp, input: kept.middle, gradient });
  if (!parallelBlock) {
    yield* addInto(context, gradient, fromMlp);
    yield* release(fromMlp.block);
    yield* release(kept.middle.block);
  }
  const fromAttention = yield* attentionBackward(context, { weights, saved: kept.attention, input, gradient });
  yield* addInto(context, gradient, fromAttention);
  yield* release(fromAttention.block);
  if (parallelBlock) {
    yield* addInto(context, gradient, fromMlp);
    yield* release(fromMlp.block);
  }
  yield* release(input.block);
  return gradient;
}

/** Runs the forward pass for what backward needs; its output is not wanted. */
function* again(context: LayerContext, values: Tensor, input: Tensor): Program<Inside> {
  const run = yield* inside(context, { values, input, drops: new Set() });
  yield* release(run.output.block);
  return run.inside;
}

function* releaseInside(context: LayerContext, { attention, middle, mlp }: Inside): Program<void> {
  for (const { block } of [...attentionTensors(attention), ...mlpTensors(mlp)]) yield* release(block);
  if (!context.job.model.parallelBlock) yield* release(middle.block);
}
