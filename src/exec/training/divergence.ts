/** A run whose numbers are none any more: it is ended before they take the place of those in a checkpoint. */
import type { Job } from '../../scenario/job.ts';
import type { Rank } from '../../units/identity.ts';
import { floatTypeOf, toFloats } from '../checkpoint/floats.ts';
import type { HeldStates } from '../checkpoint/store.ts';
import type { Observation } from './observation.ts';
import { lossOf } from './observation.ts';

/** No mistake of ours, and nothing that goes away by beginning again. */
class Divergence extends Error {
  override readonly name = 'Divergence';
}

const REMEDY = 'wanted a finite number: lower train.learningRate, a longer train.warmup, or train.clip';

/** Gradients may be too large for their format now and then, and such a step is left out; a loss may never. */
export const refuseDivergence = (job: Job, observation: Observation): void => {
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
