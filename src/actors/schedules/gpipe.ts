/** GPipe: every forward, then every backward. The plainest schedule, and the one that keeps most activations. */
import { microbatch, modelChunk } from '../../units/identity.ts';
import type { Schedule } from './pass-order.ts';
import { fillAndDrain, oneChunkRule, orderPasses } from './pass-order.ts';
import { slot } from './slot.ts';

/**
 * Huang et al. 2019 (arXiv:1811.06965), section 2.3. Of m microbatches on p stages, m are in flight at the peak on every
 * stage, and the bubble takes (p - 1) / (m + p - 1) of the step. The backwards take the microbatches in the order of the
 * forwards, as in figure 3 of Narayanan et al. SC21 (arXiv:2104.04473); the formulas are the same for either order.
 */
export const gpipe: Schedule = {
  splitsBackward: false,
  slots: ({ microbatches }) =>
    orderPasses({ forwards: microbatches, warmup: microbatches }, (pass, index) =>
      slot(pass, microbatch(index), modelChunk(0)),
    ),
  inFlightPeak: ({ microbatches }) => microbatches,
  microbatchesToPeak: ({ microbatches }) => microbatches,
  bubble: fillAndDrain,
  rule: oneChunkRule,
};
