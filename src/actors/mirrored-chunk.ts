/** DualPipe holds every model chunk twice, on two stages: once a step the gradients of both copies are summed. */
import type { Program } from '../effects/effect.ts';
import { PARTS } from '../model/unit.ts';
import type { DeviceContext } from './device-context.ts';
import { exchangeGradient } from './gradient-exchange.ts';
import { counterpart } from './mesh.ts';
import type { ChunkState } from './model-chunk.ts';
import { reducedIn } from './optimizer-shard.ts';
import { placementOf } from './schedules/placement.ts';
import { MIRROR_TAGS } from './tags.ts';

/** Exchanges what this rank has of the reduced gradients, bucket by bucket in the order of the data, which both ends know. */
export function* exchangeMirroredGradients(context: DeviceContext, chunks: readonly ChunkState[]): Program<void> {
  const { job, place } = context;
  const { layout } = job;
  if (placementOf(layout.schedule) !== 'mirrored') return;
  const peer = counterpart(layout, place, layout.pp - 1 - place.stage);
  let tag = MIRROR_TAGS;
  for (const chunk of chunks.toSorted((a, b) => a.chunk.position - b.chunk.position))
    for (const run of chunk.buckets)
      for (const part of PARTS) {
        const own = reducedIn(run)[part];
        if (own !== null) yield* exchangeGradient(peer, tag--, own);
      }
}
