/** A schedule of one's own: 1F1B that runs twice as many forwards ahead, so that messages have a pass's time to arrive. */
import type { PassCounts, Schedule, Seat } from '../src/actors/schedules/pass-order.ts';
import { fillAndDrain, oneChunkRule, orderPasses, peakOf } from '../src/actors/schedules/pass-order.ts';
import { slot } from '../src/actors/schedules/slot.ts';
import { microbatch, modelChunk } from '../src/units/identity.ts';

/**
 * After Zhuang et al. 2022 (arXiv:2211.05322), "eager-1F1B". Of m microbatches, stage s of p has
 * min(m, 2 (p - s) - 1) in flight at its peak, nearly twice those of 1F1B: that is its price. While messages take no time
 * the bubble is that of 1F1B, (p - 1) / (m + p - 1) of the step; where they take some, a stage that waits for one has
 * another microbatch at hand.
 */
export const eagerOneForwardOneBackward: Schedule = {
  splitsBackward: false,
  slots: (seat) => orderPasses(passCounts(seat), (pass, index) => slot(pass, microbatch(index), modelChunk(0))),
  inFlightPeak: (seat) => peakOf(passCounts(seat)),
  microbatchesToPeak: ({ stages, microbatches }) => Math.min(microbatches, 2 * stages - 1),
  bubble: fillAndDrain,
  rule: oneChunkRule,
};

const passCounts = ({ stage, stages, microbatches }: Seat): PassCounts => ({
  forwards: microbatches,
  warmup: Math.min(microbatches, 2 * (stages - stage - 1)),
});
