/** Rotary positions of queries and keys. */
import { compute } from '../effects/ask.ts';
import type { Program } from '../effects/effect.ts';
import type { Tensor } from '../effects/tensor.ts';
import type { LayerContext } from './context.ts';

/** Rotates `elements` of what `tensors` hold, in place, if the model's positions are rotary; gradients are rotated back. */
export function* rotate(context: LayerContext, tensors: readonly Tensor[], elements: number): Program<void> {
  if (context.job.model.position !== 'rope' || elements === 0) return;
  yield* compute({ kind: 'rope', elements, dtype: context.formats.activation }, tensors, tensors);
}
