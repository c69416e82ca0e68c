/** Batches that nothing is learnt from: they go forward, and the supervisor is told their losses. */
import type { Program } from '../effects/effect.ts';
import type { DeviceContext } from './device-context.ts';
import { publishAhead } from './pipeline-stage.ts';
import type { PipelineStage } from './stage-pass.ts';
import { discardSlot, forwardSlot } from './stage-pass.ts';

/** One global batch, microbatch by microbatch: nobody waits for a backward pass. */
export function* validateBatch(context: DeviceContext, stage: PipelineStage): Program<void> {
  yield* publishAhead(stage);
  // The chunks of a rank all see as many microbatches.
  const { start, end } = context.ranges[0]!;
  for (let index = 0; index < end - start; index++)
    for (const [chunk, range] of context.ranges.entries()) {
      const microbatch = range.start + index;
      const moment = { pass: 'forward', microbatch, chunk } as const;
      yield* forwardSlot(stage, moment);
      yield* discardSlot(stage, moment);
    }
}
