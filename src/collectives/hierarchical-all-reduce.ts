/** Hierarchical all-reduce: sums within every node, all-reduces each rail's share over the network, shares in the node. */
import { release } from '../effects/ask.ts';
import type { Combination, Program, Task } from '../effects/effect.ts';
import { after, fork, join } from '../effects/program.ts';
import type { Rank } from '../units/identity.ts';
import { larger, plus, times } from '../units/quantity.ts';
import { hierarchicalAllGather } from './hierarchical-all-gather.ts';
import { hierarchicalReduceScatter } from './hierarchical-reduce-scatter.ts';
import type { Hierarchical } from './hierarchy.ts';
import { hierarchyOf, phaseTimes } from './hierarchy.ts';
import type { Method } from './method.ts';
import { allGatherLap } from './ring-all-gather.ts';
import { allReduceLaps } from './ring-all-reduce.ts';
import { reduceScatterLap } from './ring-reduce-scatter.ts';
import { arrivalBuffer } from './ring.ts';

/**
 * For `c` pieces, `N` and `R` one lap of one piece in the node and on the rail (see `phaseTimes`). The node's links
 * scatter all pieces, then gather all; the rail's follow, piece by piece. Either the rail is busy from the first
 * piece's arrival to the last one's departure, or the node's links never rest.
 *
 *     time       max(2 N + 2 c R, 2 c N)
 *     sent       what the reduce-scatter and the all-gather send
 *     scratch    2 z                      a message that is about to be added, on each ring of more than one rank
 */
export const hierarchicalAllReduce = (algorithm: Hierarchical): Method => ({
  program: (effect, self) => program(algorithm, effect, self),
  time: (payload, links) => {
    const { segments } = algorithm;
    const { node, rail } = phaseTimes(algorithm, payload, links);
    return larger(plus(times(node, 2), times(rail, 2 * segments)), times(node, 2 * segments));
  },
  sentBytes: (payload, position) =>
    plus(
      hierarchicalReduceScatter(algorithm).sentBytes(payload, position),
      hierarchicalAllGather(algorithm).sentBytes(payload, position),
    ),
  scratchBytes: hierarchicalReduceScatter(algorithm).scratchBytes,
});

function* program(algorithm: Hierarchical, effect: Combination, self: Rank): Program<void> {
  const { dtype } = effect.whole;
  const { nodeRing, railRing, longest } = hierarchyOf(algorithm, effect, self);
  const nodeArrival = yield* arrivalBuffer(nodeRing(0), longest, dtype);
  const railArrival = yield* arrivalBuffer(railRing(0), longest, dtype);

  const rails: Task<void>[] = [];
  for (let piece = 0; piece < algorithm.segments; piece++) {
    yield* reduceScatterLap(nodeRing(piece), nodeArrival);
    rails.push(yield* fork(after([rails.at(-1)], allReduceLaps(railRing(piece), railArrival))));
  }
  for (const [piece, rail] of rails.entries()) {
    yield* join(rail);
    yield* allGatherLap(nodeRing(piece));
  }

  yield* release(railArrival.block);
  yield* release(nodeArrival.block);
}
