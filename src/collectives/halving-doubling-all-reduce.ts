/** Rabenseifner's all-reduce (ICCS 2004): recursive halving, then recursive doubling, nearest partners with most to say. */
import { release } from '../effects/ask.ts';
import type { Combination, Program } from '../effects/effect.ts';
import type { Rank } from '../units/identity.ts';
import { plus, times } from '../units/quantity.ts';
import { arrivalFor, double, exchangedBytes, exchangesTime, halve } from './halving-doubling.ts';
import { halvingReduceScatter } from './halving-doubling-reduce-scatter.ts';
import type { Method } from './method.ts';

/**
 * Nobody must end the halving with a segment of its own, so the distances grow while the messages shrink: what crosses
 * between nodes is the sum of a node. On `n = 2^k` ranks, for a whole of `S` elements of `e` bytes, links of latency
 * `a` and bandwidth `b`, segments of `z = e ceil(S / n)` bytes:
 *
 *     time       2 (k a + (n - 1) z / b)      on links of one kind; see `exchangesTime` for two
 *     sent       e (halves given away, then runs passed on)      2 e S (n - 1) / n for even segments
 *     scratch    z                            the segment that has arrived and is about to be added; 0 for n = 1
 */
export const halvingDoublingAllReduce: Method = {
  program,
  time: (payload, links) => times(exchangesTime('near', payload, links), 2),
  sentBytes: (payload, position) =>
    plus(
      exchangedBytes('given', { order: 'near', payload, position }),
      exchangedBytes('kept', { order: 'near', payload, position }),
    ),
  scratchBytes: halvingReduceScatter.scratchBytes,
};

function* program(effect: Combination, self: Rank): Program<void> {
  const { group, whole } = effect;
  const arrival = yield* arrivalFor(group.size, whole);
  yield* halve('near', effect, self, arrival);
  yield* double('near', effect, self);
  yield* release(arrival.block);
}
