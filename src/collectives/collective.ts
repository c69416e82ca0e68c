/** Every collective, whatever its operation and algorithm: the messages it is made of, and what they cost. */
import type { Algorithm, Collective, Operation, Program } from '../effects/effect.ts';
import { positionIn } from '../effects/group.ts';
import { elementsOf, segmentLength } from '../effects/tensor.ts';
import type { Rank } from '../units/identity.ts';
import type { Bytes, Seconds } from '../units/quantity.ts';
import { groupShape } from './group-shape.ts';
import { hierarchicalAllGather } from './hierarchical-all-gather.ts';
import { hierarchicalAllReduce } from './hierarchical-all-reduce.ts';
import { hierarchicalReduceScatter } from './hierarchical-reduce-scatter.ts';
import type { Hierarchical } from './hierarchy.ts';
import type { Links } from './link-rate.ts';
import type { Method } from './method.ts';
import type { Payload } from './payload.ts';
import { ringAllGather } from './ring-all-gather.ts';
import { ringAllReduce } from './ring-all-reduce.ts';
import { ringReduceScatter } from './ring-reduce-scatter.ts';

/** All that the cost of a collective depends on, links apart. */
export interface CollectiveShape extends Payload {
  readonly operation: Operation;
  readonly algorithm: Algorithm;
}

/** The shape of `effect` where every `scaleUpDomain` ranks in a row share a scale-up domain. */
export const collectiveShape = (effect: Collective, scaleUpDomain: number): CollectiveShape => ({
  operation: effect.operation,
  algorithm: effect.algorithm,
  group: groupShape(effect.group, scaleUpDomain),
  elements: elementsOf(effect.whole),
  dtype: effect.whole.dtype,
});

/**
 * What rank `self` does for `effect`. Collectives of one operation on one axis keep the order in which a rank asks for
 * them, so they must not run side by side on a rank; those of different operations may.
 */
export const messageProgram = (effect: Collective, self: Rank): Program<void> => {
  assertFits(effect, self);
  return methodOf(effect).program(effect, self);
};

/** When the last rank is done, all having started together on an idle fabric. */
export const collectiveTime = (shape: CollectiveShape, links: Links): Seconds => methodOf(shape).time(shape, links);

/** What the rank at `position` of the group sends, to the byte. */
export const sentBytes = (shape: CollectiveShape, position: number): Bytes =>
  methodOf(shape).sentBytes(shape, position);

/** What the message program allocates on each rank, from its start to its end. */
export const scratchBytes = (shape: CollectiveShape): Bytes => methodOf(shape).scratchBytes(shape);

const RING: Readonly<Record<Operation, Method>> = {
  'all-reduce': ringAllReduce,
  'all-gather': ringAllGather,
  'reduce-scatter': ringReduceScatter,
};

const HIERARCHICAL: Readonly<Record<Operation, (algorithm: Hierarchical) => Method>> = {
  'all-reduce': hierarchicalAllReduce,
  'all-gather': hierarchicalAllGather,
  'reduce-scatter': hierarchicalReduceScatter,
};

const methodOf = ({ operation, algorithm }: Pick<CollectiveShape, 'operation' | 'algorithm'>): Method => {
  switch (algorithm.kind) {
    case 'ring':
      return RING[operation];
    case 'hierarchical':
      return HIERARCHICAL[operation](algorithm);
    default:
      return algorithm satisfies never;
  }
};

const assertFits = ({ operation, algorithm, group, whole, shard }: Collective, self: Rank): void => {
  const position = positionIn(group, self);
  if (!Number.isInteger(position) || position < 0 || position >= group.size)
    throw new RangeError(
      `rank ${self} is not in the ${group.axis} group of ${group.size} from ${group.first} by ${group.stride}`,
    );
  if (algorithm.kind === 'hierarchical' && group.size % algorithm.domain !== 0)
    throw new RangeError(`${algorithm.domain} ranks a node do not divide a group of ${group.size}`);

  const elements = elementsOf(whole);
  const own = operation === 'all-reduce' ? elements : segmentLength(elements, group.size, position);
  if (elementsOf(shard) !== own)
    throw new RangeError(
      `${operation}: the shard of member ${position} has ${elementsOf(shard)} elements, want ${own}`,
    );
};
