/** ZB-V: two model chunks a stage on a V through the pipeline, and weight passes that keep every stage busy throughout. */
import type { PassTimes, Schedule, Seat } from './pass-order.ts';
import { twoChunksRule, twoStagesRule } from './pass-order.ts';
import { microbatchesThrough } from './placement.ts';
import type { Slot } from './slot.ts';
import { slotWriter, step } from './slot-writer.ts';

/**
 * Qi et al. 2024, "Pipeline Parallelism with Controllable Memory" (arXiv:2405.15362), and section 6 of arXiv:2401.10241:
 * the order drawn there for passes of one length, kept whatever they take. A stage has at most 2 p forwards of half its
 * layers each in flight, as much as the first stage of 1F1B. Stages begin one after another, and end so.
 */
export const zeroBubbleV: Schedule = {
  splitsBackward: true,
  slots: (seat) => slotsOf(seat),
  inFlightPeak: ({ stage, stages, microbatches }) =>
    Math.min(microbatches, 2 * stages - 1 - stage) + Math.min(microbatches, stage + 1),
  // What waits for its weight pass is most at the end, and of the last microbatches.
  microbatchesToPeak: ({ microbatches }) => microbatches,
  bubble: ({ stages, microbatches }, times) => (microbatches >= 2 * stages - 1 && isUniform(times) ? 0 : null),
  rule: (pipeline) => twoStagesRule(pipeline) ?? twoChunksRule(pipeline),
};

const isUniform = ({ forward, backward, weight }: PassTimes): boolean => forward === backward && backward === weight;

const [forwardDown, forwardUp] = [step('forward', 0), step('forward', 1)];
const [backwardDown, backwardUp] = [step('backward', 0), step('backward', 1)];
const [weightDown, weightUp] = [step('weight', 0), step('weight', 1)];

/**
 * A stage goes forward until the first microbatch is back from the bottom of the V, then takes its two chunks in turn. It
 * is made for 2 p - 1 microbatches or more; with fewer, the passes of those that are missing are left out.
 */
const slotsOf = ({ stage, stages, microbatches }: Seat): readonly Slot[] => {
  const all = microbatchesThrough('v', 0, microbatches);
  const { slots, write } = slotWriter([all, all]);
  const above = stage;
  const below = stages - stage;
  write(2 * below - 1, [forwardDown]);
  write(above, [forwardUp, forwardDown]);
  write(below, [forwardUp, backwardUp, weightUp]);
  const steady = Math.max(microbatches, 2 * stages - 1) - stages;
  write(steady, [forwardDown, backwardDown, weightDown, forwardUp, backwardUp, weightUp]);
  write(above, [backwardDown, backwardUp]);
  write(below, [backwardDown, weightDown]);
  write(above, [weightUp]);
  write(above, [weightDown]);
  return slots;
};
