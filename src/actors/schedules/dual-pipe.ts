/** DualPipe: microbatches enter the pipeline at both ends, and one's forward shares its time with another's backward. */
import type { PassTimes, Pipeline, Schedule, Seat } from './pass-order.ts';
import { twoChunksRule, twoStagesRule } from './pass-order.ts';
import { microbatchesThrough } from './placement.ts';
import type { Slot } from './slot.ts';
import type { Step } from './slot-writer.ts';
import { joinedStep, slotWriter, step } from './slot-writer.ts';

/**
 * DeepSeek-V3 Technical Report (arXiv:2412.19437), section 3.2.1, figure 5 and table 2, in the order of the published
 * `dualpipe.py` (github.com/deepseek-ai/DualPipe). Each stage holds two chunks of one p-th of the layers, so that
 * every weight exists twice; p + 1 forwards are in flight at the peak on every stage.
 */
export const dualPipe: Schedule = {
  splitsBackward: true,
  slots: (seat) => slotsOf(seat),
  inFlightPeak: ({ stages }) => stages + 1,
  // Which microbatches come from the other end depends on how many there are: no smaller number has the same slots.
  microbatchesToPeak: ({ microbatches }) => microbatches,
  bubble: (pipeline, times) => bubbleOf(pipeline, times),
  rule: (pipeline) => twoStagesRule(pipeline) ?? twoChunksRule(pipeline) ?? halvesRule(pipeline),
};

const halvesRule = ({ stages, microbatches }: Pipeline): string | null => {
  if (stages % 2 !== 0) return `needs an even number of stages, got ${stages}`;
  if (microbatches % 2 !== 0) return `needs an even number of microbatches, got ${microbatches}`;
  if (microbatches < 2 * stages)
    return `needs at least two microbatches for each of its ${stages} stages, got ${microbatches}`;
  return null;
};

/**
 * (p / 2 - 1)(F&B + B - 3 W) of table 2, where B = T_B + T_W is a whole backward and F&B = T_F + B a forward and a
 * backward that hide nothing of each other. Exact when T_F = T_B >= T_W and a joined pair exchanges its messages as one.
 */
const bubbleOf = ({ stages }: Pipeline, { forward, backward, weight }: PassTimes): number => {
  const whole = backward + weight;
  return (stages / 2 - 1) * (forward + whole + whole - 3 * weight);
};

const whole = (chunk: number): readonly Step[] => [joinedStep('backward', chunk), step('weight', chunk)];
const together = (forward: number, backward: number): readonly Step[] => [
  joinedStep('forward', forward),
  ...whole(backward),
];

/** The eight steps of the published order. The near chunk's microbatches come from the closer end of the pipeline. */
const slotsOf = ({ stage, stages, microbatches }: Seat): readonly Slot[] => {
  const { slots, write } = slotWriter([0, 1].map((chunk) => microbatchesThrough('mirrored', chunk, microbatches)));
  const [near, far] = stage < stages / 2 ? [0, 1] : [1, 0];
  /** Stages from this one to the closer end, itself among them, and from it to the middle. */
  const outer = Math.min(stage, stages - 1 - stage) + 1;
  const inner = stages / 2 - outer;
  write(2 * inner, [step('forward', near)]);
  write(outer, [step('forward', near), step('forward', far)]);
  write(inner, [step('backward', far), step('weight', far), step('forward', far)]);
  for (let turn = 0; turn < microbatches / 2 - stages + outer; turn++) {
    // The two stages in the middle wait for each other: the first forward is sent on before its backward begins.
    const isAlone = turn === 0 && inner === 0;
    write(1, isAlone ? [step('forward', near), ...whole(far)] : together(near, far));
    write(1, together(far, near));
  }
  write(inner, [...whole(far), ...together(far, near)]);
  const postponed: Step[] = [];
  for (let index = 0; index < 2 * outer; index++) {
    const chunk = index % 2 === 0 ? far : near;
    write(1, index < outer ? whole(chunk) : [step('backward', chunk)]);
    if (index >= outer) postponed.push(step('weight', chunk));
  }
  for (let turn = 0; turn < inner; turn++) {
    postponed.push(step('weight', near));
    write(1, [postponed.shift()!, step('backward', near)]);
  }
  write(1, postponed);
  return slots;
};
