/** Recursive doubling all-gather (Thakur, Rabenseifner and Gropp, IJHPCA 19, 2005): twice as far and twice as much each step. */
import type { Combination, Program } from '../effects/effect.ts';
import { positionIn } from '../effects/group.ts';
import { segmentOf } from '../effects/tensor.ts';
import type { Rank } from '../units/identity.ts';
import { zeroBytes } from '../units/quantity.ts';
import { double, exchangedBytes, exchangesTime } from './halving-doubling.ts';
import type { Method } from './method.ts';
import { copyInto } from './ring.ts';

/**
 * The mirror of the reduce-scatter. On `n = 2^k` ranks, for a whole of `S` elements of `e` bytes, links of latency `a`
 * and bandwidth `b`, segments of `z = e ceil(S / n)` bytes:
 *
 *     time       k a + (n - 1) z / b      on links of one kind; see `exchangesTime` for two
 *     sent       e (1 + 2 + 4 + ... + n/2 segments, those that the rank has by then)      e S (n - 1) / n for even ones
 *     scratch    0                                                                        runs arrive in their place
 */
export const doublingAllGather: Method = {
  program,
  time: (payload, links) => exchangesTime('far', payload, links),
  sentBytes: (payload, position) => exchangedBytes('kept', { order: 'far', payload, position }),
  scratchBytes: () => zeroBytes,
};

function* program(effect: Combination, self: Rank): Program<void> {
  const { group, whole, shard } = effect;
  yield* copyInto(segmentOf(whole, group.size, positionIn(group, self)), shard);
  yield* double('far', effect, self);
}
