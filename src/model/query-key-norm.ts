/** RMS norms of queries and keys: of each head by itself, or over all heads together. */
import { compute, release, tensor } from '../effects/ask.ts';
import type { Program } from '../effects/effect.ts';
import type { Tensor } from '../effects/tensor.ts';
import type { LayerContext, UnitWeights } from './context.ts';
import { amongTensorRanks, weightOf } from './context.ts';

const SIDES = ['query', 'key'] as const;

/** Queries and keys within `raw` -> normed queries and keys, in `normed`. */
export function* queryKeyNorm(
  context: LayerContext,
  { weights, raw, normed }: { weights: UnitWeights; raw: readonly Tensor[]; normed: Tensor },
): Program<void> {
  yield* sumsOverHeads(context);
  for (const side of SIDES) {
    const gain = weightOf(weights, `${side} norm gain`).value;
    yield* compute(normOp(context, side, 'forward'), [...raw, gain], [normed]);
  }
}

/** Gradients of normed queries and keys -> those of the raw ones, in place. */
export function* queryKeyNormBackward(
  context: LayerContext,
  { weights, raw, gradients }: { weights: UnitWeights; raw: readonly Tensor[]; gradients: readonly [Tensor, Tensor] },
): Program<void> {
  yield* sumsOverHeads(context);
  for (const [index, side] of SIDES.entries()) {
    const gain = weightOf(weights, `${side} norm gain`);
    const gradient = gradients[index]!;
    const read = [...raw, gain.value, gradient];
    yield* compute(normOp(context, side, 'backward'), read, [gradient, gain.gradient]);
  }
}

const normOp = (context: LayerContext, side: (typeof SIDES)[number], pass: 'forward' | 'backward') => {
  const { qkNorm, headDim } = context.job.model;
  const heads = side === 'query' ? context.heads : context.kvHeads;
  const isPerHead = qkNorm === 'head';
  return {
    kind: 'norm',
    norm: 'rmsnorm',
    pass,
    rows: context.tokens * (isPerHead ? heads : 1),
    hidden: headDim * (isPerHead ? 1 : heads),
    dtype: context.formats.activation,
  } as const;
};

/** A norm over all heads needs a sum over the tensor ranks, a number a token for the queries and one for the keys. */
function* sumsOverHeads(context: LayerContext): Program<void> {
  if (context.job.model.qkNorm !== 'all' || context.groups.tensor.size === 1) return;
  const sums = yield* tensor([context.tokens, SIDES.length], 'fp32', 'workspace');
  yield* amongTensorRanks(context, 'all-reduce', { whole: sums, shard: sums });
  yield* release(sums.block);
}
