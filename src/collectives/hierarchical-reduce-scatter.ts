/** Hierarchical reduce-scatter: sums within every node first, so that the network carries one node's sum, not its ranks'. */
import { release } from '../effects/ask.ts';
import type { Combination, Program, Task } from '../effects/effect.ts';
import { after, fork, join } from '../effects/program.ts';
import { segmentOf } from '../effects/tensor.ts';
import { positionIn } from '../effects/group.ts';
import type { Rank } from '../units/identity.ts';
import { larger, plus, times } from '../units/quantity.ts';
import type { Hierarchical } from './hierarchy.ts';
import { arrivalBytes, hierarchyOf, phaseTimes } from './hierarchy.ts';
import type { Method } from './method.ts';
import { reduceScatterLap, ringReduceScatter } from './ring-reduce-scatter.ts';
import { arrivalBuffer, copyInto } from './ring.ts';

/**
 * For `c` pieces, `N` and `R` the node and the rail phase of one piece (see `phaseTimes`): the node's links work on a
 * piece while the rail's work on the one before, a flow shop of two machines and equal jobs.
 *
 *     time       max(c N + R, N + c R)
 *     sent       e (S - own segment)      what node and rail send adds up to what a flat ring sends
 *     scratch    2 z                      a message that is about to be added, on each ring of more than one rank
 */
export const hierarchicalReduceScatter = (algorithm: Hierarchical): Method => ({
  program: (effect, self) => program(algorithm, effect, self),
  time: (payload, links) => {
    const { node, rail } = phaseTimes(algorithm, payload, links);
    return larger(plus(times(node, algorithm.segments), rail), plus(node, times(rail, algorithm.segments)));
  },
  sentBytes: ringReduceScatter.sentBytes,
  scratchBytes: (payload) => arrivalBytes(algorithm, payload),
});

function* program(algorithm: Hierarchical, effect: Combination, self: Rank): Program<void> {
  const { group, whole, shard } = effect;
  const { nodeRing, railRing, longest } = hierarchyOf(algorithm, effect, self);
  const nodeArrival = yield* arrivalBuffer(nodeRing(0), longest, whole.dtype);
  const railArrival = yield* arrivalBuffer(railRing(0), longest, whole.dtype);

  const rails: Task<void>[] = [];
  for (let piece = 0; piece < algorithm.segments; piece++) {
    yield* reduceScatterLap(nodeRing(piece), nodeArrival);
    rails.push(yield* fork(after([rails.at(-1)], reduceScatterLap(railRing(piece), railArrival))));
  }
  for (const rail of rails) yield* join(rail);

  yield* release(railArrival.block);
  yield* release(nodeArrival.block);
  yield* copyInto(shard, segmentOf(whole, group.size, positionIn(group, self)));
}
