/** A pipeline stage: runs its list of slots, each a pass of one microbatch through one of its model chunks. */
import { mark } from '../effects/ask.ts';
import type { Program } from '../effects/effect.ts';
import { finishReduction, publishesAhead, publishRun } from './optimizer-shard.ts';
import { scheduleOf } from './schedules/schedule.ts';
import { chunkOf, microbatchOf, passOf } from './schedules/slot.ts';
import type { PipelineStage } from './stage-pass.ts';
import { backwardSlot, forwardSlot } from './stage-pass.ts';

/** One step's passes; every gradient has been sent off when it returns, and has arrived. */
export function* runStage(stage: PipelineStage): Program<void> {
  const { context } = stage;
  const { pp, vp, schedule } = context.job.layout;
  const { microbatches, place } = context;
  const seat = { stage: place.stage, stages: pp, microbatches, chunks: vp };
  yield* publishAhead(stage);
  yield* mark('stage', 'fill');
  const slots = scheduleOf(schedule)(seat);
  let forwardsLeft = microbatches * vp;
  let isSteady = false;
  for (const slot of slots) {
    const moment = { pass: passOf(slot), microbatch: microbatchOf(slot), chunk: chunkOf(slot) };
    if (moment.pass === 'forward') {
      yield* forwardSlot(stage, moment);
      if (--forwardsLeft === 0) yield* mark('stage', 'drain');
    } else {
      if (!isSteady) yield* mark('stage', 'steady');
      isSteady = true;
      yield* backwardSlot(stage, moment);
    }
  }
  yield* mark('stage', 'finish');
  yield* finishReductions(stage);
}

/** Sends the weights that the last step updated to the ranks that lack them, if this is the time for it. */
export function* publishAhead({ context, chunks, shard, publishing }: PipelineStage): Program<void> {
  if (!publishesAhead(context)) return;
  for (const chunk of chunks)
    for (const run of chunk.buckets) publishing.set(run, yield* publishRun(shard, chunk, run));
}

export function* finishReductions({ reductions }: PipelineStage): Program<void> {
  for (const reduction of reductions) yield* finishReduction(reduction);
}
