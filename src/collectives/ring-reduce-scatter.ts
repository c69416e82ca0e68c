/** Ring reduce-scatter: each segment goes round once, gathering every rank's part of the sum, and ends at its owner. */
import { release } from '../effects/ask.ts';
import type { Combination, Program } from '../effects/effect.ts';
import type { Tensor } from '../effects/tensor.ts';
import { elementsOf, part, segmentLength, segmentLengthMax, segmentOf } from '../effects/tensor.ts';
import type { Rank } from '../units/identity.ts';
import type { Method } from './method.ts';
import { bytesOf } from './payload.ts';
import { lapsTime } from './ring-time.ts';
import type { Ring } from './ring.ts';
import { addInto, arrivalBuffer, arrivalLength, copyInto, receiveInto, ringOf, segmentAt, sendOn } from './ring.ts';

/**
 * On `n` ranks, for a whole of `S` elements of `e` bytes, links of latency `a` and bandwidth `b`, segments of
 * `z = e ceil(S / n)` bytes:
 *
 *     time       (n - 1) (a + z / b)      on edges of one kind; see `ringTime` for two
 *     sent       e (S - own segment)
 *     scratch    z                        the segment that has arrived and is about to be added; 0 for n = 1
 */
export const ringReduceScatter: Method = {
  program,
  time: (payload, links) => lapsTime(1, payload, links),
  sentBytes: ({ group, elements, dtype }, position) =>
    bytesOf(elements - segmentLength(elements, group.size, position), dtype),
  scratchBytes: ({ group, elements, dtype }) =>
    bytesOf(arrivalLength(group.size, segmentLengthMax(elements, group.size)), dtype),
};

function* program(effect: Combination, self: Rank): Program<void> {
  const { group, whole, shard } = effect;
  const ring = ringOf(effect, self);
  const arrival = yield* arrivalBuffer(ring, segmentLengthMax(elementsOf(whole), group.size), whole.dtype);
  yield* reduceScatterLap(ring, arrival);
  yield* release(arrival.block);
  yield* copyInto(shard, segmentOf(whole, group.size, ring.position));
}

/** Leaves the sum of this rank's own segment in place; the other segments are left half summed. */
export function* reduceScatterLap(ring: Ring, arrival: Tensor): Program<void> {
  for (let step = 1; step < ring.group.size; step++) {
    yield* sendOn(ring, segmentAt(ring, -step));
    for (const mine of segmentAt(ring, -step - 1)) {
      const theirs = part(arrival, 0, elementsOf(mine));
      yield* receiveInto(ring, theirs);
      yield* addInto(mine, theirs);
    }
  }
}
