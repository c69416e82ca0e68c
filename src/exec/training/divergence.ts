/** A run whose numbers are none any more: it is ended before they take the place of those in a checkpoint. */
import type { Job } from '../../scenario/job.ts';
import type { Rank } from '../../units/identity.ts';
import { floatTypeOf, toFloats } from '../checkpoint/floats.ts';
import type { HeldStates } from '../checkpoint/store.ts';
import type { Observation } from './observation.ts';
import { gradientFactorOf, lossOf } from './observation.ts';

/** No mistake of ours, and nothing that goes away by beginning again. */
class Divergence extends Error {
  override readonly name = 'Divergence';
}

const REMEDY = 'wanted a finite number: lower train.learningRate, a longer train.warmup, or train.clip';

/** Steps in a row that may be left out: more do not help, for nothing changes from one to the next but the samples. */
export const LEFT_OUT_MAX = 20;

/**
 * Throws at what no run recovers from. Gradients may be too large for their format now and then, and such a step is left
 * out, but not many in a row; a loss may never.
 */
export const divergenceWatch = (job: Job): ((observation: Observation) => void) => {
  let leftOut = 0;
  return (observation) => {
    refuseLoss(job, observation);
    if (observation.subject !== 'step') return;
    leftOut = gradientFactorOf(job, observation) === 0 ? leftOut + 1 : 0;
    if (leftOut < LEFT_OUT_MAX) return;
    throw new Divergence(
      `the gradients of ${leftOut} steps in a row, up to step ${observation.step}, were not finite, and none of these steps changed a weight; ${REMEDY}, or precision: bf16 or fp32`,
    );
  };
};

const refuseLoss = (job: Job, observation: Observation): void => {
  const loss = lossOf(job, observation);
  if (Number.isFinite(loss)) return;
  const whose = observation.subject === 'step' ? 'the loss' : 'the validation loss';
  throw new Divergence(`${whose} of step ${observation.step} is ${loss}; ${REMEDY}`);
};

/** A loss shows what the weights were before the step: what they are behind it only they do. */
export const refuseInfinite = (states: readonly HeldStates[], { step, rank }: { step: number; rank: Rank }): void => {
  const wrong = states.find(({ bytes, dtype }) => !areFinite(numbersOf(bytes, dtype)));
  if (wrong === undefined) return;
  throw new Divergence(`behind step ${step} the ${wrong.state} of rank ${rank} is not finite; ${REMEDY}`);
};

const numbersOf = (bytes: Uint8Array, dtype: HeldStates['dtype']): Float32Array => toFloats(bytes, floatTypeOf(dtype));

const areFinite = (numbers: Float32Array): boolean => {
  for (const number of numbers) if (!Number.isFinite(number)) return false;
  return true;
};
