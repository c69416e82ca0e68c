/** Recursive halving and doubling: exchanges with partners at distances that are powers of two, in log2(n) steps. */
import type { Combination, Program } from '../effects/effect.ts';
import { receive, send, tensor } from '../effects/ask.ts';
import { member, positionIn } from '../effects/group.ts';
import type { Tensor } from '../effects/tensor.ts';
import { elementsOf, part, segmentLengthMax, segmentOf, segmentStart } from '../effects/tensor.ts';
import type { Rank } from '../units/identity.ts';
import type { Bytes, Seconds } from '../units/quantity.ts';
import { plus, zeroSeconds } from '../units/quantity.ts';
import type { Links } from './link-rate.ts';
import type { Payload } from './payload.ts';
import { bytesOf } from './payload.ts';
import { pointToPointTime } from './point-to-point.ts';
import { addInto, arrivalLength, tagOf } from './ring.ts';

/**
 * Whose half comes first. `far`: partners at distances n/2, n/4, ..., 1, so that each member ends with its own segment.
 * `near`: at 1, 2, ..., n/2, so that the longest messages stay in the node; member `i` ends with the segment whose
 * number is `i` with its bits reversed.
 */
type Order = 'far' | 'near';

/** Consecutive segments of the whole. */
interface Run {
  readonly first: number;
  readonly count: number;
}
/** One step of the halving: two members that hold the same run give each other the half that the other keeps. */
interface Exchange {
  readonly partner: number;
  readonly kept: Run;
  readonly given: Run;
}

/** The exchanges of the member at `position`, in the order of halving; doubling goes back through them. */
const exchangesOf = (order: Order, size: number, position: number): Exchange[] => {
  const exchanges: Exchange[] = [];
  let first = 0;
  for (let half = size / 2; half >= 1; half /= 2) {
    const distance = order === 'far' ? half : size / (2 * half);
    const [lower, upper] = [
      { first, count: half },
      { first: first + half, count: half },
    ];
    const [kept, given] = (position & distance) === 0 ? [lower, upper] : [upper, lower];
    exchanges.push({ partner: position ^ distance, kept, given });
    first = kept.first;
  }
  return exchanges;
};

const runLength = (elements: number, size: number, { first, count }: Run): number =>
  segmentStart(elements, size, first + count) - segmentStart(elements, size, first);

/**
 * Leaves the sum of the segment that this rank keeps last; the rest of the whole is left half summed. A run goes in one
 * message a segment, so that a buffer of one segment is enough to receive it.
 */
export function* halve(order: Order, effect: Combination, self: Rank, arrival: Tensor): Program<void> {
  const { group } = effect;
  const [axis, tag] = [group.axis, tagOf(effect)];
  for (const { partner, kept, given } of exchangesOf(order, group.size, positionIn(group, self))) {
    for (const theirs of segmentsOf(effect, given)) yield* send(member(group, partner), { axis, tag, tensor: theirs });
    for (const mine of segmentsOf(effect, kept)) {
      const arrived = part(arrival, 0, elementsOf(mine));
      yield* receive(member(group, partner), { axis, tag, into: arrived });
      yield* addInto(mine, arrived);
    }
  }
}

const segmentsOf = ({ whole, group }: Combination, { first, count }: Run): Tensor[] =>
  Array.from({ length: count }, (_, index) => segmentOf(whole, group.size, first + index));

/** Fills the whole, given the segment that this rank kept last. A run goes in one message, for it arrives in its place. */
export function* double(order: Order, effect: Combination, self: Rank): Program<void> {
  const { group } = effect;
  const [axis, tag] = [group.axis, tagOf(effect)];
  for (const { partner, kept, given } of exchangesOf(order, group.size, positionIn(group, self)).toReversed()) {
    yield* send(member(group, partner), { axis, tag, tensor: runOf(effect, kept) });
    yield* receive(member(group, partner), { axis, tag, into: runOf(effect, given) });
  }
}

const runOf = ({ whole, group }: Combination, run: Run): Tensor => {
  const elements = elementsOf(whole);
  return part(whole, segmentStart(elements, group.size, run.first), runLength(elements, group.size, run));
};

/** Where a segment waits to be added. */
export const arrivalFor = (size: number, whole: Tensor): Program<Tensor> =>
  tensor([arrivalLength(size, segmentLengthMax(elementsOf(whole), size))], whole.dtype, 'communication');

/**
 * All halvings, or all doublings. Every rank does the same at the same time, so it is a sum over the steps, in which
 * `h = 1, 2, 4, ..., n / 2` segments of `z` bytes go over the link to that step's partner:
 *
 *     sum over h of (a + h z / b)
 */
export const exchangesTime = (order: Order, { group, elements, dtype }: Payload, links: Links): Seconds => {
  const { size, domain } = group;
  const segment = segmentLengthMax(elements, size);
  let time = zeroSeconds;
  for (let half = 1; half < size; half *= 2) {
    const distance = order === 'far' ? half : size / (2 * half);
    const link = distance < domain ? links.scaleUp : links.nic;
    time = plus(time, pointToPointTime(bytesOf(half * segment, dtype), link));
  }
  return time;
};

/** What the member at `position` sends in all halvings, or in all doublings. */
export const exchangedBytes = (
  side: 'kept' | 'given',
  { order, payload, position }: { order: Order; payload: Payload; position: number },
): Bytes => {
  const { group, elements, dtype } = payload;
  const lengths = exchangesOf(order, group.size, position).map((each) => runLength(elements, group.size, each[side]));
  return bytesOf(
    lengths.reduce((total, length) => total + length, 0),
    dtype,
  );
};

/** Groups of other sizes would need a step before and one after to even them out; they have rings and trees. */
export const isPowerOfTwo = (size: number): boolean => (size & (size - 1)) === 0;
