/** RMS norms of queries and keys: of each head by itself, or over all heads together. */
import { compute, release, tensor } from '../effects/ask.ts';
import type { Program } from '../effects/effect.ts';
import type { Tensor } from '../effects/tensor.ts';
import type { Columns } from '../kernels/op/positions.ts';
import type { Standing } from './attention-core.ts';
import type { LayerContext, UnitWeights } from './context.ts';
import { amongTensorRanks, weightOf } from './context.ts';
import { NORM_EPSILON } from './residual.ts';

const SIDES = ['query', 'key'] as const;

/** Queries and keys within `raw` -> normed queries and keys, in `normed`. */
export function* queryKeyNorm(
  context: LayerContext,
  {
    weights,
    raw,
    standing,
    normed,
  }: { weights: UnitWeights; raw: readonly Tensor[]; standing: Standing; normed: Tensor },
): Program<void> {
  const { headDim } = context.job.model;
  const stride = (context.heads + context.kvHeads) * headDim;
  yield* sumsOverHeads(context);
  for (const side of SIDES) {
    const gain = weightOf(weights, `${side} norm gain`).value;
    const to = { tensor: 0, start: side === 'query' ? 0 : context.heads * headDim, stride };
    yield* compute(normOp(context, side, { pass: 'forward', from: standing[side], to }), [...raw, gain], [normed]);
  }
}

/** Gradients of normed queries and keys -> those of the raw ones, in place. */
export function* queryKeyNormBackward(
  context: LayerContext,
  {
    weights,
    raw,
    standing,
    gradients,
  }: { weights: UnitWeights; raw: readonly Tensor[]; standing: Standing; gradients: readonly [Tensor, Tensor] },
): Program<void> {
  yield* sumsOverHeads(context);
  for (const [index, side] of SIDES.entries()) {
    const gain = weightOf(weights, `${side} norm gain`);
    const gradient = gradients[index]!;
    const read = [...raw, gain.value, gradient];
    const to = { tensor: 0, start: 0, stride: gradient.shape[1]! };
    yield* compute(normOp(context, side, { pass: 'backward', from: standing[side], to }), read, [
      gradient,
      gain.gradient,
    ]);
  }
}

const normOp = (
  context: LayerContext,
  side: (typeof SIDES)[number],
  { pass, from, to }: { pass: 'forward' | 'backward'; from: Columns; to: Columns },
) => {
  const { qkNorm, headDim } = context.job.model;
  const heads = side === 'query' ? context.heads : context.kvHeads;
  const isPerHead = qkNorm === 'head';
  return {
    kind: 'norm',
    norm: 'rmsnorm',
    pass,
    rows: context.tokens * (isPerHead ? heads : 1),
    hidden: headDim * (isPerHead ? 1 : heads),
    epsilon: NORM_EPSILON,
    dtype: context.formats.activation,
    heads: { perRow: isPerHead ? heads : 1, from, to },
  } as const;
};

/** A norm over all heads needs a sum over the tensor ranks, a number a token for the queries and one for the keys. */
function* sumsOverHeads(context: LayerContext): Program<void> {
  if (context.job.model.qkNorm !== 'all' || context.groups.tensor.size === 1) return;
  const sums = yield* tensor([context.tokens, SIDES.length], 'fp32', 'workspace');
  yield* amongTensorRanks(context, 'all-reduce', { whole: sums, shard: sums });
  yield* release(sums.block);
}
