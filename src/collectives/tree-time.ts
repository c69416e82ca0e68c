/** How long a message takes up and down two binary trees, in pieces, on links of one kind. */
import type { Bytes, Seconds } from '../units/quantity.ts';
import { larger, minus, plus, times, zeroSeconds } from '../units/quantity.ts';
import { isPerfect, lastPlaceDepth, treeHeight } from './double-tree.ts';
import type { LinkRate } from './link-rate.ts';
import { pushTime } from './link-rate.ts';
import { pointToPointTime } from './point-to-point.ts';

/** `segments` pieces of `piece` bytes go over each of the two trees that `size` members form. */
interface DoubleTree {
  readonly size: number;
  readonly segments: number;
  readonly piece: Bytes;
}

/**
 * A root sends down when it has summed all pieces. By then those with children in its tree have pushed all that they
 * push upwards, in either tree, so that nothing stands in the way of what comes down.
 */
export const doubleTreeTime = (tree: DoubleTree, link: LinkRate): Seconds =>
  tree.size === 1 ? zeroSeconds : plus(timeUp(tree, link), timeDown(tree, link));

/**
 * Until the slower root has all `c` pieces, `p` being the time to push one, `a` the latency and `H` the height. A member
 * first pushes the `c` pieces of the tree in which it is a leaf, so that those which it passes on in the other wait
 * until `c p`; from there pieces follow one another by `p`. The last piece's way is the longest of
 *
 *     (c - 1) p + H (p + a)                         from the deepest leaf
 *     (c - 1) p + c p + (H - 1) (p + a)             from its parent, if that is not the root
 *     (c - 1) p + c p + D (p + a)                   from the last place, for an odd number of members: the one that
 *                                                   takes it has pushed `c` pieces as a leaf of the first tree;
 *                                                   `D` is that place's depth
 */
const timeUp = ({ size, segments, piece }: DoubleTree, link: LinkRate): Seconds => {
  const height = treeHeight(size);
  const hop = pointToPointTime(piece, link);
  const push = pushTime(piece, link);
  const own = times(push, segments);
  let way = times(hop, height);
  if (height > 1) way = larger(way, plus(own, times(hop, height - 1)));
  if (size % 2 === 1) way = larger(way, plus(own, times(hop, lastPlaceDepth(size))));
  return plus(times(push, segments - 1), way);
};

/**
 * From the roots to the last leaf. A member pushes each piece to its left child, then to its right one: pieces follow
 * one another by `2 p`, a step to the right takes `2 p + a`, one to the left `p + a`. The longest way has `H` steps to
 * the right if the tree is perfect; if not, there is no such way, and one of the `H` steps is to the left:
 *
 *     2 (c - 1) p + H (2 p + a) - (perfect ? 0 : p)           for more than two members; c p + a for two
 */
const timeDown = ({ size, segments, piece }: DoubleTree, link: LinkRate): Seconds => {
  const push = pushTime(piece, link);
  const step = plus(pointToPointTime(piece, link), push);
  const way = times(step, treeHeight(size));
  const following = times(push, (size === 2 ? 1 : 2) * (segments - 1));
  return plus(following, isPerfect(size) ? way : minus(way, push));
};
