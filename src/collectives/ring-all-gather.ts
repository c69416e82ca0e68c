/** Ring all-gather: each rank's segment goes round once, and every rank keeps a copy. */
import type { Combination, Program } from '../effects/effect.ts';
import { segmentLength, segmentOf } from '../effects/tensor.ts';
import type { Rank } from '../units/identity.ts';
import { zeroBytes } from '../units/quantity.ts';
import type { Method } from './method.ts';
import { bytesOf } from './payload.ts';
import { lapsTime } from './ring-time.ts';
import type { Ring } from './ring.ts';
import { copyInto, receiveInto, ringOf, segmentAt, sendOn } from './ring.ts';

/**
 * On `n` ranks, for a whole of `S` elements of `e` bytes, links of latency `a` and bandwidth `b`, segments of
 * `z = e ceil(S / n)` bytes:
 *
 *     time       (n - 1) (a + z / b)      on edges of one kind; see `ringTime` for two
 *     sent       e (S - next rank's segment)
 *     scratch    0                        segments arrive in their place
 */
export const ringAllGather: Method = {
  program,
  time: (payload, links) => lapsTime(1, payload, links),
  sentBytes: ({ group, elements, dtype }, position) =>
    bytesOf(elements - segmentLength(elements, group.size, (position + 1) % group.size), dtype),
  scratchBytes: () => zeroBytes,
};

function* program(effect: Combination, self: Rank): Program<void> {
  const ring = ringOf(effect, self);
  yield* copyInto(segmentOf(effect.whole, effect.group.size, ring.position), effect.shard);
  yield* allGatherLap(ring);
}

/** Fills every segment, given this rank's own. */
export function* allGatherLap(ring: Ring): Program<void> {
  for (let step = 1; step < ring.group.size; step++) {
    yield* sendOn(ring, segmentAt(ring, 1 - step));
    for (const missing of segmentAt(ring, -step)) yield* receiveInto(ring, missing);
  }
}
