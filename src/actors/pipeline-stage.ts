/** A pipeline stage: runs its list of slots, each a pass of one microbatch through one of its model chunks. */
import { mark } from '../effects/ask.ts';
import type { Program } from '../effects/effect.ts';
import type { Moment } from '../memory/moment.ts';
import { finishReduction, publishesAhead, publishRun } from './optimizer-shard.ts';
import type { Schedule } from './schedules/pass-order.ts';
import { passCount } from './schedules/schedule.ts';
import type { Slot } from './schedules/slot.ts';
import { chunkOf, isJoined, microbatchOf, passOf } from './schedules/slot.ts';
import type { PipelineStage } from './stage-pass.ts';
import { backwardSlot, forwardSlot, inputsSlot, weightSlot } from './stage-pass.ts';

/** One step's passes; every gradient has been sent off when it returns, and has arrived. */
export function* runStage(stage: PipelineStage): Program<void> {
  const { context } = stage;
  const { pp, vp, schedule: name } = context.job.layout;
  const { microbatches, place } = context;
  const seat = { stage: place.stage, stages: pp, microbatches, chunks: vp };
  yield* publishAhead(stage);
  yield* mark('stage', 'fill');
  let forwardsLeft = passCount(name, seat);
  let isSteady = false;
  for (const slot of context.schedule.slots(seat)) {
    const pass = passOf(slot);
    if (pass === 'backward' && !isSteady) {
      yield* mark('stage', 'steady');
      isSteady = true;
    }
    yield* runSlot(stage, slot);
    if (pass === 'forward' && --forwardsLeft === 0) yield* mark('stage', 'drain');
  }
  yield* mark('stage', 'finish');
  yield* finishReductions(stage);
}

/** The program of one slot; a weight pass that a whole backward pass has done already is none. */
const runSlot = (stage: PipelineStage, slot: Slot): Program<void> => {
  const moment = momentOf(slot);
  switch (moment.pass) {
    case 'forward':
      return forwardSlot(stage, moment);
    case 'backward':
      return isWhole(stage.context.schedule, slot) ? backwardSlot(stage, moment) : inputsSlot(stage, moment);
    case 'weight':
      return weightSlot(stage, moment);
    default:
      return moment.pass satisfies never;
  }
};

const momentOf = (slot: Slot): Moment => ({
  pass: passOf(slot),
  microbatch: microbatchOf(slot),
  chunk: chunkOf(slot),
});

/** True of a backward that makes the weights' gradients too. */
export const isWhole = ({ splitsBackward }: Pick<Schedule, 'splitsBackward'>, slot: Slot): boolean =>
  !splitsBackward || isJoined(slot);

/** Sends the weights that the last step updated to the ranks that lack them, if this is the time for it. */
export function* publishAhead({ context, chunks, shard, publishing }: PipelineStage): Program<void> {
  if (!publishesAhead(context)) return;
  for (const chunk of chunks)
    for (const run of chunk.buckets) publishing.set(run, yield* publishRun(shard, chunk, run));
}

export function* finishReductions({ reductions }: PipelineStage): Program<void> {
  for (const reduction of reductions) yield* finishReduction(reduction);
}
