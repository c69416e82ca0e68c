/** ZB-H1: 1F1B whose stages put off the gradients of weights, the later ones more, and fill the end of the step with them. */
import { microbatch, modelChunk } from '../../units/identity.ts';
import type { PassTimes, Pipeline, Schedule } from './pass-order.ts';
import { oneChunkRule, twoStagesRule } from './pass-order.ts';
import type { Pass, Slot } from './slot.ts';
import { slot } from './slot.ts';

/**
 * Qi et al. 2024, "Zero Bubble Pipeline Parallelism" (ICLR, arXiv:2401.10241), sections 2.1 and 3.1 and table 2: forwards
 * and backwards as in 1F1B; stage s of p runs the weight pass of a microbatch s microbatches after its backward. Until
 * their weight passes they keep part of what the forward saved, so that of p in flight on any stage, s wait for those.
 */
export const zeroBubbleH1: Schedule = {
  splitsBackward: true,
  slots: (seat) => {
    const { stage, stages, microbatches } = seat;
    const slots: Slot[] = [];
    const put = (pass: Pass, index: number): void => {
      if (index >= 0 && index < microbatches) slots.push(slot(pass, microbatch(index), modelChunk(0)));
    };
    const warmup = stages - 1 - stage;
    for (let index = 0; index < warmup; index++) put('forward', index);
    for (let index = 0; index < microbatches; index++) {
      put('forward', index + warmup);
      put('backward', index);
      put('weight', index - stage);
    }
    for (let index = microbatches - stage; index < microbatches; index++) put('weight', index);
    return slots;
  },
  inFlightPeak: ({ stage, stages, microbatches }) => Math.min(microbatches, stages - stage),
  microbatchesToPeak: ({ stages, microbatches }) => Math.min(microbatches, 2 * stages),
  bubble: (pipeline, times) => bubbleOf(pipeline, times),
  rule: (pipeline) => twoStagesRule(pipeline) ?? oneChunkRule(pipeline),
};

/**
 * (p - 1)(T_F + T_B - T_W), if weight passes take no longer than backwards and there are p microbatches or more: the way
 * of the first microbatch to the last stage, and of the last one back, less the weight passes that the first stage
 * does in between.
 */
const bubbleOf = ({ stages, microbatches }: Pipeline, { forward, backward, weight }: PassTimes): number | null =>
  microbatches < stages || weight > backward ? null : (stages - 1) * (forward + backward - weight);
