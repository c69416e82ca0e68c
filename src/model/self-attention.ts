/** The core of attention on one tensor rank: from queries, keys and values to the weighted values, and back. */
import { compute, release, tensor } from '../effects/ask.ts';
import type { Program } from '../effects/effect.ts';
import type { Tensor } from '../effects/tensor.ts';
import { elementsOf } from '../effects/tensor.ts';
import type { FlashAttention } from '../kernels/op/attention.ts';
import type { Matmul } from '../kernels/op/matmul.ts';
import type { LayerContext } from './context.ts';
import { activation, scratch } from './context.ts';

/** What the core keeps for backward beside its input and its output; empty once it was dropped to be recomputed. */
export type CoreSaved = readonly Tensor[];

const flash = (context: LayerContext, pass: FlashAttention['pass']): FlashAttention => ({
  kind: 'flash-attention',
  pass,
  batch: context.job.layout.microbatch,
  sequence: context.job.workload.sequence,
  heads: context.heads,
  kvHeads: context.kvHeads,
  headDim: context.job.model.headDim,
  dtype: context.formats.activation,
});

/** One s x s or s x d product a head. */
const batched = (context: LayerContext, shape: Pick<Matmul, 'm' | 'n' | 'k' | 'transpose'>): Matmul => ({
  kind: 'matmul',
  ...shape,
  batch: context.job.layout.microbatch * context.heads,
  dtype: context.formats.activation,
  output: context.formats.activation,
  accumulates: false,
});

const scoreShape = (context: LayerContext): readonly number[] => {
  const { layout, workload } = context.job;
  return [layout.microbatch * context.heads, workload.sequence, workload.sequence];
};

/** Fills `output` [T, heads x headDim] from `qkv`; the answer is what backward needs beside the two. */
export function* coreForward(context: LayerContext, qkv: Tensor, output: Tensor): Program<CoreSaved> {
  if (context.job.software.attention === 'flash') {
    const sums = yield* tensor([context.tokens, context.heads], 'fp32', 'activations');
    yield* compute(flash(context, 'forward'), [qkv], [output, sums]);
    return [sums];
  }
  return yield* unfusedForward(context, qkv, output);
}

/** Scores, softmax and, if the model has it, dropout, each in device memory (Korthikanti et al. 2022, section 4.1). */
function* unfusedForward(context: LayerContext, qkv: Tensor, output: Tensor): Program<CoreSaved> {
  const { workload, model } = context.job;
  const { sequence } = workload;
  const { headDim } = model;
  const dtype = context.formats.activation;
  const shape = scoreShape(context);
  const scores = yield* scratch(context, shape);
  yield* compute(batched(context, { m: sequence, n: sequence, k: headDim, transpose: 'nt' }), [qkv], [scores]);
  const probabilities = yield* activation(context, shape);
  const rows = elementsOf(scores) / sequence;
  yield* compute({ kind: 'softmax', pass: 'forward', rows, columns: sequence, dtype }, [scores], [probabilities]);
  yield* release(scores.block);
  const product = batched(context, { m: sequence, n: headDim, k: sequence, transpose: 'nn' });
  if (!model.dropout) {
    yield* compute(product, [probabilities, qkv], [output]);
    return [probabilities];
  }
  const dropped = yield* activation(context, shape);
  const mask = yield* tensor(shape, 'uint8', 'activations');
  yield* compute({ kind: 'dropout', elements: elementsOf(dropped), dtype }, [probabilities], [dropped, mask]);
  yield* compute(product, [dropped, qkv], [output]);
  return [probabilities, dropped, mask];
}

/** gradient [T, heads x headDim] -> gradient of qkv, scratch. What was saved stays. */
export function* coreBackward(
  context: LayerContext,
  { qkv, output, saved, gradient }: { qkv: Tensor; output: Tensor; saved: CoreSaved; gradient: Tensor },
): Program<Tensor> {
  const result = yield* scratch(context, qkv.shape);
  if (context.job.software.attention === 'flash')
    yield* compute(flash(context, 'backward'), [qkv, output, ...saved, gradient], [result]);
  else yield* unfusedBackward(context, { qkv, saved, gradient, result });
  return result;
}

function* unfusedBackward(
  context: LayerContext,
  { qkv, saved, gradient, result }: { qkv: Tensor; saved: CoreSaved; gradient: Tensor; result: Tensor },
): Program<void> {
  const { workload, model } = context.job;
  const { sequence } = workload;
  const { headDim } = model;
  const dtype = context.formats.activation;
  const scores = yield* scratch(context, scoreShape(context));
  const rows = elementsOf(scores) / sequence;
  const toScores = batched(context, { m: sequence, n: sequence, k: headDim, transpose: 'nt' });
  yield* compute(toScores, [gradient, qkv], [scores]);
  const toHeads = batched(context, { m: sequence, n: headDim, k: sequence, transpose: 'tn' });
  yield* compute(toHeads, [...saved, gradient], [result]);
  if (model.dropout)
    yield* compute({ kind: 'dropout', elements: elementsOf(scores), dtype }, [scores, ...saved], [scores]);
  yield* compute({ kind: 'softmax', pass: 'backward', rows, columns: sequence, dtype }, [scores, ...saved], [scores]);
  yield* compute({ ...toHeads, transpose: 'nn' }, [scores, qkv], [result]);
  yield* compute(toHeads, [scores, qkv], [result]);
  yield* release(scores.block);
}

/** Rotates the queries and keys within `qkv`, if the model's positions are rotary. */
export function* rotate(context: LayerContext, qkv: Tensor): Program<void> {
  const { model } = context.job;
  if (model.position !== 'rope') return;
  const elements = context.tokens * (context.heads + context.kvHeads) * model.headDim;
  yield* compute({ kind: 'rope', elements, dtype: context.formats.activation }, [qkv], [qkv]);
}
