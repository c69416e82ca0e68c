/** 1F1B: a stage runs a backward as soon as it can, so that no stage keeps more microbatches than stages follow it. */
import { microbatch, modelChunk } from '../../units/identity.ts';
import type { PassCounts, Schedule, Seat } from './pass-order.ts';
import { fillAndDrain, oneChunkRule, orderPasses, peakOf } from './pass-order.ts';
import { slot } from './slot.ts';

/**
 * PipeDream-Flush: Narayanan et al. 2021 (arXiv:2006.09503), and SC21 (arXiv:2104.04473), section 2.2.1. Of m
 * microbatches, stage s of p has min(m, p - s) in flight at its peak; the bubble takes (p - 1) / (m + p - 1) of the step,
 * as with GPipe.
 */
export const oneForwardOneBackward: Schedule = {
  splitsBackward: false,
  slots: (seat) => orderPasses(passCounts(seat), (pass, index) => slot(pass, microbatch(index), modelChunk(0))),
  inFlightPeak: (seat) => peakOf(passCounts(seat)),
  microbatchesToPeak: ({ stages, microbatches }) => Math.min(microbatches, stages),
  bubble: fillAndDrain,
  rule: oneChunkRule,
};

/** A stage runs as many forwards ahead as there are stages behind it. */
const passCounts = ({ stage, stages, microbatches }: Seat): PassCounts => ({
  forwards: microbatches,
  warmup: Math.min(microbatches, stages - stage - 1),
});
