/** Rotary positions of queries and keys. */
import { compute } from '../effects/ask.ts';
import type { Program } from '../effects/effect.ts';
import type { Tensor } from '../effects/tensor.ts';
import type { LayerContext } from './context.ts';

/** The base of the angles that the first models with rotary positions took (Su et al. 2021). */
export const ROPE_BASE = 10_000;

/** Turns so many heads of each tensor, from its first column on, in place, if the model's positions are rotary. */
export const rotate = (context: LayerContext, tensors: readonly Tensor[], heads: readonly number[]): Program<void> =>
  turn(context, tensors, { heads, headDim: context.job.model.headDim, isInverse: false });
/** Turns gradients back. */
export const rotateBack = (
  context: LayerContext,
  tensors: readonly Tensor[],
  heads: readonly number[],
): Program<void> => turn(context, tensors, { heads, headDim: context.job.model.headDim, isInverse: true });

export function* turn(
  { job, formats, tokens, at }: LayerContext,
  tensors: readonly Tensor[],
  { heads, headDim, isInverse }: { heads: readonly number[]; headDim: number; isInverse: boolean },
): Program<void> {
  const elements = tokens * headDim * heads.reduce((sum, count) => sum + count, 0);
  if (job.model.position !== 'rope' || elements === 0) return;
  const op = {
    kind: 'rope',
    elements,
    heads,
    headDim,
    base: ROPE_BASE,
    isInverse,
    at,
    dtype: formats.activation,
  } as const;
  yield* compute(op, tensors, tensors);
}
