/** A ring: every rank of a group sends to the next one and receives from the one before. */
import { compute, receive, send, tensor } from '../effects/ask.ts';
import type { Combination, Program } from '../effects/effect.ts';
import { OPERATIONS } from '../effects/effect.ts';
import type { Group } from '../effects/group.ts';
import { AXES, member, positionIn } from '../effects/group.ts';
import type { Tensor } from '../effects/tensor.ts';
import { elementsOf, segmentOf } from '../effects/tensor.ts';
import type { Dtype } from '../kernels/dtype.ts';
import { accumulate } from '../kernels/op/element-wise.ts';
import type { Rank } from '../units/identity.ts';

/** One rank's place in a ring, and the segments that go round. */
export interface Ring {
  readonly group: Group;
  /** This rank's place in the group. */
  readonly position: number;
  readonly tag: number;
  /**
   * The parts of segment `index` in this rank's memory. They travel together, one message a part; an empty part is
   * sent too, so that the number of messages depends on the group alone.
   */
  readonly segment: (index: number) => readonly Tensor[];
}

/**
 * Messages of one operation on one axis carry one tag, so that a gather may run beside a reduction of the same group,
 * and the gathers of two groups that share a pair of ranks beside each other.
 */
export const tagOf = ({ operation, group }: Combination): number =>
  AXES.indexOf(group.axis) * OPERATIONS.length + OPERATIONS.indexOf(operation);

/** The tags of collectives lie below this, from 0 on. */
export const COLLECTIVE_TAGS = AXES.length * OPERATIONS.length;

/** The ring of the whole group, which passes round one contiguous segment a member. */
export const ringOf = (effect: Combination, self: Rank): Ring => ({
  group: effect.group,
  position: positionIn(effect.group, self),
  tag: tagOf(effect),
  segment: (index) => [segmentOf(effect.whole, effect.group.size, index)],
});

/** The segment `offset` places on from this rank's own, for an offset of at least -size. */
export const segmentAt = ({ group, position, segment }: Ring, offset: number): readonly Tensor[] =>
  segment((position + offset + group.size) % group.size);

export function* sendOn({ group, position, tag }: Ring, segment: readonly Tensor[]): Program<void> {
  const next = member(group, (position + 1) % group.size);
  for (const sent of segment) yield* send(next, { axis: group.axis, tag, tensor: sent });
}

export const receiveInto = ({ group, position, tag }: Ring, into: Tensor): Program<void> =>
  receive(member(group, (position + group.size - 1) % group.size), { axis: group.axis, tag, into });

/** Adds `term` into `sum`. */
export const addInto = (sum: Tensor, term: Tensor): Program<void> =>
  compute(accumulate(elementsOf(sum), sum.dtype), [sum, term], [sum]);

/** Copies `from` to `to`: a sum of one term. Nothing to do where the one is a view of the other. */
export function* copyInto(to: Tensor, from: Tensor): Program<void> {
  if (to.block === from.block && to.offset === from.offset) return;
  yield* compute(accumulate(elementsOf(from), from.dtype), [from], [to]);
}

/** Elements in the receive buffer of a ring of `size` ranks whose messages have up to `longest`: none for a rank alone. */
export const arrivalLength = (size: number, longest: number): number => (size === 1 ? 0 : longest);

/** Where a message waits to be added; one is enough, for a rank adds each message before it receives the next. */
export const arrivalBuffer = ({ group }: Ring, longest: number, dtype: Dtype): Program<Tensor> =>
  tensor([arrivalLength(group.size, longest)], dtype, 'communication');
