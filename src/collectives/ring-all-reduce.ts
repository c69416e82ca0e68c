/** Ring all-reduce: a reduce-scatter lap, then an all-gather lap, in place (Patarasuk and Yuan, JPDC 69, 2009). */
import { release } from '../effects/ask.ts';
import type { Combination, Program } from '../effects/effect.ts';
import type { Tensor } from '../effects/tensor.ts';
import { elementsOf, segmentLengthMax } from '../effects/tensor.ts';
import type { Rank } from '../units/identity.ts';
import { plus } from '../units/quantity.ts';
import type { Method } from './method.ts';
import { allGatherLap, ringAllGather } from './ring-all-gather.ts';
import { reduceScatterLap, ringReduceScatter } from './ring-reduce-scatter.ts';
import { lapsTime } from './ring-time.ts';
import type { Ring } from './ring.ts';
import { arrivalBuffer, ringOf } from './ring.ts';

/**
 * On `n` ranks, for a whole of `S` elements of `e` bytes, links of latency `a` and bandwidth `b`, segments of
 * `z = e ceil(S / n)` bytes:
 *
 *     time       2 (n - 1) (a + z / b)    on edges of one kind; see `ringTime` for two
 *     sent       what the reduce-scatter and the all-gather send
 *     scratch    z                        the segment that has arrived and is about to be added; 0 for n = 1
 */
export const ringAllReduce: Method = {
  program,
  time: (payload, links) => lapsTime(2, payload, links),
  sentBytes: (payload, position) =>
    plus(ringReduceScatter.sentBytes(payload, position), ringAllGather.sentBytes(payload, position)),
  scratchBytes: ringReduceScatter.scratchBytes,
};

function* program(effect: Combination, self: Rank): Program<void> {
  const { group, whole } = effect;
  const ring = ringOf(effect, self);
  const arrival = yield* arrivalBuffer(ring, segmentLengthMax(elementsOf(whole), group.size), whole.dtype);
  yield* allReduceLaps(ring, arrival);
  yield* release(arrival.block);
}

/** Leaves the sum of every segment in place. */
export function* allReduceLaps(ring: Ring, arrival: Tensor): Program<void> {
  yield* reduceScatterLap(ring, arrival);
  yield* allGatherLap(ring);
}
