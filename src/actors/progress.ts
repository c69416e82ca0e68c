/** What a rank tells the job's supervisor of a step: three numbers, and where the last two are made. */
import { compute, tensor } from '../effects/ask.ts';
import type { Program } from '../effects/effect.ts';
import type { Tensor } from '../effects/tensor.ts';
import { part } from '../effects/tensor.ts';

/** By which position in the report. */
export const PROGRESS = ['loss', 'squares', 'factor'] as const;

export interface Progress {
  /** All of it, fp32. */
  readonly report: Tensor;
  /** Losses of all tokens of the step that passed this rank's head. */
  readonly loss: Tensor;
  /** Squares of all gradients, of this rank's where nobody asked for the norm of all. */
  readonly squares: Tensor;
  /** What gradients were multiplied by. */
  readonly factor: Tensor;
}

export function* placeProgress(): Program<Progress> {
  const report = yield* tensor([PROGRESS.length], 'fp32', 'communication');
  return { report, loss: part(report, 0, 1), squares: part(report, 1, 1), factor: part(report, 2, 1) };
}

/** No token has passed the head yet. */
export const clearLoss = ({ loss }: Progress): Program<void> =>
  compute({ kind: 'fill', value: 0, elements: 1, dtype: 'fp32' }, [], [loss]);
