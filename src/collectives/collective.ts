/** Every collective, whatever its operation and algorithm: the messages it is made of, and what they cost. */
import type { Algorithm, Collective, Operation, Parts, Program } from '../effects/effect.ts';
import { positionIn } from '../effects/group.ts';
import type { Tensor } from '../effects/tensor.ts';
import { elementsOf, segmentLength } from '../effects/tensor.ts';
import type { Rank } from '../units/identity.ts';
import type { Bytes, Seconds } from '../units/quantity.ts';
import { directAllToAll } from './direct-all-to-all.ts';
import { directShift } from './direct-shift.ts';
import { groupShape } from './group-shape.ts';
import { doublingAllGather } from './halving-doubling-all-gather.ts';
import { halvingDoublingAllReduce } from './halving-doubling-all-reduce.ts';
import { halvingReduceScatter } from './halving-doubling-reduce-scatter.ts';
import { isPowerOfTwo } from './halving-doubling.ts';
import { hierarchicalAllGather } from './hierarchical-all-gather.ts';
import { hierarchicalAllReduce } from './hierarchical-all-reduce.ts';
import { hierarchicalAllToAll } from './hierarchical-all-to-all.ts';
import { hierarchicalReduceScatter } from './hierarchical-reduce-scatter.ts';
import type { Hierarchical } from './hierarchy.ts';
import type { Links } from './link-rate.ts';
import type { Method } from './method.ts';
import type { Payload } from './payload.ts';
import { ringAllGather } from './ring-all-gather.ts';
import { ringAllReduce } from './ring-all-reduce.ts';
import { ringReduceScatter } from './ring-reduce-scatter.ts';
import type { Tree } from './tree-all-reduce.ts';
import { treeAllReduce } from './tree-all-reduce.ts';

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
  ...(effect.parts === undefined ? {} : { sent: effect.parts.sent }),
});

/**
 * What rank `self` does for `effect`. Collectives of one operation on one axis keep the order in which a rank asks for
 * them, so they must not run side by side on a rank; those of different operations may.
 */
export const messageProgram = (effect: Collective, self: Rank): Program<void> => {
  assertFits(effect, self);
  return methodOf(effect.operation, effect.algorithm, effect.group.size).program(effect, self);
};

/** When the last rank is done, all having started together on an idle fabric. */
export const collectiveTime = (shape: CollectiveShape, links: Links): Seconds => timeBy(shape.algorithm, shape, links);

/** The same, had `algorithm` been chosen. */
export const timeBy = (algorithm: Algorithm, asked: Omit<CollectiveShape, 'algorithm'>, links: Links): Seconds =>
  methodOf(asked.operation, algorithm, asked.group.size).time(asked, links);

/** What the rank at `position` of the group sends, to the byte. */
export const sentBytes = (shape: CollectiveShape, position: number): Bytes =>
  methodOf(shape.operation, shape.algorithm, shape.group.size).sentBytes(shape, position);

/** What the message program allocates on each rank, from its start to its end. */
export const scratchBytes = (shape: CollectiveShape): Bytes =>
  methodOf(shape.operation, shape.algorithm, shape.group.size).scratchBytes(shape);

type MethodsOf<Found> = Readonly<Partial<Record<Operation, Found>>>;

const RING: MethodsOf<Method> = {
  'all-reduce': ringAllReduce,
  'all-gather': ringAllGather,
  'reduce-scatter': ringReduceScatter,
};
const HALVING_DOUBLING: MethodsOf<Method> = {
  'all-reduce': halvingDoublingAllReduce,
  'all-gather': doublingAllGather,
  'reduce-scatter': halvingReduceScatter,
};
const DIRECT: MethodsOf<Method> = { 'all-to-all': directAllToAll, shift: directShift };
const TREE: MethodsOf<(algorithm: Tree) => Method> = { 'all-reduce': treeAllReduce };
const HIERARCHICAL: MethodsOf<(algorithm: Hierarchical) => Method> = {
  'all-reduce': hierarchicalAllReduce,
  'all-gather': hierarchicalAllGather,
  'reduce-scatter': hierarchicalReduceScatter,
  'all-to-all': hierarchicalAllToAll,
};

/** How `size` ranks do `operation` by `algorithm`. */
const methodOf = (operation: Operation, algorithm: Algorithm, size: number): Method => {
  const method = methodBy(operation, algorithm, size);
  if (method === undefined) throw new RangeError(`there is no ${algorithm.kind} ${operation}`);
  return method;
};

const methodBy = (operation: Operation, algorithm: Algorithm, size: number): Method | undefined => {
  switch (algorithm.kind) {
    case 'ring':
      return RING[operation];
    case 'hierarchical':
      return HIERARCHICAL[operation]?.(algorithm);
    case 'tree':
      return TREE[operation]?.(algorithm);
    case 'halving-doubling':
      if (!isPowerOfTwo(size)) throw new RangeError(`halving-doubling on a group of ${size}: want a power of two`);
      return HALVING_DOUBLING[operation];
    case 'direct':
      return DIRECT[operation];
    default:
      return algorithm satisfies never;
  }
};

const assertFits = (effect: Collective, self: Rank): void => {
  const { algorithm, group } = effect;
  const position = positionIn(group, self);
  if (!Number.isInteger(position) || position < 0 || position >= group.size)
    throw new RangeError(
      `rank ${self} is not in the ${group.axis} group of ${group.size} from ${group.first} by ${group.stride}`,
    );
  if ((algorithm.kind === 'hierarchical' || algorithm.kind === 'tree') && group.size % algorithm.domain !== 0)
    throw new RangeError(`${algorithm.domain} ranks a node do not divide a group of ${group.size}`);
  if (effect.parts === undefined) assertShard(effect, position);
  else assertParts(effect, effect.parts, position);
};

const assertParts = (
  { operation, algorithm, group, whole, shard }: Collective,
  parts: Parts,
  position: number,
): void => {
  if (operation !== 'all-to-all' || algorithm.kind !== 'direct')
    throw new RangeError(`${algorithm.kind} ${operation} in parts of their own: want a direct all-to-all`);
  const [places, lengths] = [[whole, shard].map(elementsOf), [parts.sent, parts.received]];
  for (const [index, of] of lengths.entries()) {
    const elements = of.reduce((sum, length) => sum + length, 0);
    if (of.length !== group.size || elements !== places[index])
      throw new RangeError(
        `${of.length} parts of ${elements} elements for a group of ${group.size} and ${places[index]} elements`,
      );
  }
  if (parts.sent[position] !== parts.received[position])
    throw new RangeError(
      `member ${position} has ${parts.sent[position]} elements for itself, and wants ${parts.received[position]}`,
    );
  assertApart(operation, position, { whole, shard });
};

const assertShard = ({ operation, group, whole, shard }: Collective, position: number): void => {
  const isSegment = operation === 'all-gather' || operation === 'reduce-scatter';
  const elements = elementsOf(whole);
  const wanted = isSegment ? segmentLength(elements, group.size, position) : elements;
  if (elementsOf(shard) !== wanted)
    throw new RangeError(
      `${operation}: the shard of member ${position} has ${elementsOf(shard)} elements, want ${wanted}`,
    );
  if (!isSegment && operation !== 'all-reduce') assertApart(operation, position, { whole, shard });
};

const assertApart = (
  operation: Operation,
  position: number,
  { whole, shard }: { whole: Tensor; shard: Tensor },
): void => {
  if (overlap(whole, shard))
    throw new RangeError(`${operation}: the shard of member ${position} lies in its whole, want a place of its own`);
};

const overlap = (a: Tensor, b: Tensor): boolean =>
  a.block === b.block && Math.max(a.offset, b.offset) < Math.min(a.offset + elementsOf(a), b.offset + elementsOf(b));
