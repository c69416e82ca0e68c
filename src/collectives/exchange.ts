/** Which elements each pair of ranks has for each other in an all-to-all. */
import type { Tensor } from '../effects/tensor.ts';
import { elementsOf, part, segmentStart } from '../effects/tensor.ts';

/** The part that member `self` of `size` shares with the `count` members from `peer` on. */
interface Share {
  readonly size: number;
  readonly self: number;
  readonly peer: number;
  readonly count: number;
}

/**
 * Where the part for `peer` starts in `self`'s tensor. Segments that are one element longer than the others take turns:
 * members `i` and `j` have as much for each other as segment `(i + j) mod n`, so that a rank receives what it sends,
 * and the same formula places a part in the sender's whole and in the receiver's shard.
 */
const startOf = (elements: number, { size, self, peer }: Omit<Share, 'count'>): number =>
  segmentStart(elements, size, self + peer) - segmentStart(elements, size, self);

/** Elements of the part, of `elements` in the tensor. */
export const shareLength = (elements: number, { size, self, peer, count }: Share): number =>
  segmentStart(elements, size, self + peer + count) - segmentStart(elements, size, self + peer);

/** The part of `tensor`, the whole or the shard of member `self`, that it sends to those peers or receives from them. */
export const shareOf = (tensor: Tensor, share: Share): Tensor => {
  const elements = elementsOf(tensor);
  return part(tensor, startOf(elements, share), shareLength(elements, share));
};
