/** Hierarchical all-gather: every rail gathers over the network, then every node shares what its rails brought. */
import type { Combination, Program, Task } from '../effects/effect.ts';
import { after, fork, join } from '../effects/program.ts';
import { positionIn } from '../effects/group.ts';
import { segmentLength, segmentOf } from '../effects/tensor.ts';
import type { Rank } from '../units/identity.ts';
import type { Bytes } from '../units/quantity.ts';
import { larger, plus, times, zeroBytes } from '../units/quantity.ts';
import type { Hierarchical } from './hierarchy.ts';
import { hierarchyOf, phaseTimes, railLength } from './hierarchy.ts';
import type { Method } from './method.ts';
import type { Payload } from './payload.ts';
import { bytesOf } from './payload.ts';
import { allGatherLap } from './ring-all-gather.ts';
import { copyInto } from './ring.ts';

/**
 * The mirror of the reduce-scatter. For `c` pieces, `N` and `R` the node and the rail phase of one piece (see
 * `phaseTimes`), `L(j)` the elements of rail `j`, on the rank of rail `j` in node `v`:
 *
 *     time       max(R + c N, c R + N)
 *     sent       e (L(j) - segment of rail j in node v + 1)  +  e (S - L(j + 1))      places counted round
 *     scratch    0                                                                    messages arrive in their place
 */
export const hierarchicalAllGather = (algorithm: Hierarchical): Method => ({
  program: (effect, self) => program(algorithm, effect, self),
  time: (payload, links) => {
    const { node, rail } = phaseTimes(algorithm, payload, links);
    return larger(plus(rail, times(node, algorithm.segments)), plus(times(rail, algorithm.segments), node));
  },
  sentBytes: (payload, position) => sentBytes(algorithm, payload, position),
  scratchBytes: () => zeroBytes,
});

function* program(algorithm: Hierarchical, effect: Combination, self: Rank): Program<void> {
  const { group, whole, shard } = effect;
  const { nodeRing, railRing } = hierarchyOf(algorithm, effect, self);
  yield* copyInto(segmentOf(whole, group.size, positionIn(group, self)), shard);

  const rails: Task<void>[] = [];
  for (let piece = 0; piece < algorithm.segments; piece++)
    rails.push(yield* fork(after([rails.at(-1)], allGatherLap(railRing(piece)))));
  for (const [piece, rail] of rails.entries()) {
    yield* join(rail);
    yield* allGatherLap(nodeRing(piece));
  }
}

const sentBytes = (algorithm: Hierarchical, payload: Payload, position: number): Bytes => {
  const { group, elements, dtype } = payload;
  const { domain } = algorithm;
  const rail = position % domain;
  const nextOnRail = (position + domain) % group.size;
  const onRail = railLength(algorithm, payload, rail) - segmentLength(elements, group.size, nextOnRail);
  const inNode = elements - railLength(algorithm, payload, (rail + 1) % domain);
  return bytesOf(onRail + inNode, dtype);
};
