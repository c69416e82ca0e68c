/** Recursive halving reduce-scatter (Thakur, Rabenseifner and Gropp, IJHPCA 19, 2005): half as far and half as much each step. */
import { release } from '../effects/ask.ts';
import type { Combination, Program } from '../effects/effect.ts';
import { positionIn } from '../effects/group.ts';
import { segmentOf } from '../effects/tensor.ts';
import type { Rank } from '../units/identity.ts';
import { arrivalFor, exchangesTime, halve } from './halving-doubling.ts';
import type { Method } from './method.ts';
import { ringReduceScatter } from './ring-reduce-scatter.ts';
import { copyInto } from './ring.ts';

/**
 * On `n = 2^k` ranks, for a whole of `S` elements of `e` bytes, links of latency `a` and bandwidth `b`, segments of
 * `z = e ceil(S / n)` bytes:
 *
 *     time       k a + (n - 1) z / b      on links of one kind; see `exchangesTime` for two
 *     sent       e (S - own segment)      what a ring sends
 *     scratch    z                        the segment that has arrived and is about to be added; 0 for n = 1
 */
export const halvingReduceScatter: Method = {
  program,
  time: (payload, links) => exchangesTime('far', payload, links),
  sentBytes: ringReduceScatter.sentBytes,
  scratchBytes: ringReduceScatter.scratchBytes,
};

function* program(effect: Combination, self: Rank): Program<void> {
  const { group, whole, shard } = effect;
  const arrival = yield* arrivalFor(group.size, whole);
  yield* halve('far', effect, self, arrival);
  yield* release(arrival.block);
  yield* copyInto(shard, segmentOf(whole, group.size, positionIn(group, self)));
}
