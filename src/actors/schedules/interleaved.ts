/** Interleaved 1F1B: a stage holds several model chunks, far apart in the model, which divides the bubble by their number. */
import { microbatch, modelChunk } from '../../units/identity.ts';
import type { PassCounts, Pipeline, Schedule, Seat } from './pass-order.ts';
import { fillAndDrain, orderPasses, peakOf, twoStagesRule } from './pass-order.ts';
import type { Pass, Slot } from './slot.ts';
import { slot } from './slot.ts';

/**
 * Narayanan et al. SC21 (arXiv:2104.04473), section 2.2.2, in the order of Megatron-LM
 * (`megatron/core/pipeline_parallel/schedules.py`). Of m microbatches in v model chunks, stage s of p has
 * min(m v, 2 (p - s - 1) + (v - 1) p + 1) in flight at its peak: at most p v + p - 1, as in Korthikanti et al. 2022
 * (arXiv:2205.05198), section 4.2.3. The bubble takes (p - 1) / (m v + p - 1) of the step.
 */
export const interleaved: Schedule = {
  splitsBackward: false,
  slots: (seat) => orderPasses(passCounts(seat), (pass, index) => slotAt(seat, pass, index)),
  inFlightPeak: (seat) => peakOf(passCounts(seat)),
  microbatchesToPeak: ({ stages, microbatches }) => Math.min(microbatches, 2 * stages),
  bubble: fillAndDrain,
  rule: (pipeline) => twoStagesRule(pipeline) ?? groupsRule(pipeline),
};

const groupsRule = ({ stages, microbatches, chunks }: Pipeline): string | null => {
  if (chunks < 2) return `needs 2 or more model chunks a stage, got ${chunks}`;
  if (microbatches % stages !== 0)
    return `needs a number of microbatches that its ${stages} stages divide, got ${microbatches}`;
  return null;
};

const passCounts = ({ stage, stages, microbatches, chunks }: Seat): PassCounts => ({
  forwards: microbatches * chunks,
  warmup: Math.min(microbatches * chunks, 2 * (stages - stage - 1) + (chunks - 1) * stages),
});

/** The microbatches come in groups of as many as there are stages; a group passes the chunks one by one, backwards reversed. */
const slotAt = ({ stages, chunks }: Pipeline, pass: Pass, index: number): Slot => {
  const group = Math.floor(index / (stages * chunks));
  const turn = Math.floor(index / stages) % chunks;
  const chunk = pass === 'forward' ? turn : chunks - 1 - turn;
  return slot(pass, microbatch(group * stages + (index % stages)), modelChunk(chunk));
};
