/** Two binary trees over the same members, so laid out that a member with children in one has none in the other. */

/** A member's relatives in one tree, as positions in the group. */
export interface Relatives {
  /** Null at the root. */
  readonly parent: number | null;
  /** The left one first: its subtree is the deeper one, if the two differ. */
  readonly children: readonly number[];
}

/**
 * Places 1 to `size` of a binary tree are numbered from left to right, so that the odd ones are its leaves. The second
 * tree has the members shifted by one place: odd places fall on even ones. With an odd number of members, one is a leaf
 * twice. (Sanders, Speck and Traeff, Parallel Computing 35, 2009; NCCL 2.4.)
 */
export const relativesIn = (tree: 0 | 1, size: number, position: number): Relatives => {
  const place = ((position - tree + size) % size) + 1;
  const memberAt = (other: number): number => (other - 1 + tree) % size;
  const parent = parentOf(place, size);
  return {
    parent: parent === 0 ? null : memberAt(parent),
    children: childrenOf(place, size).map(memberAt),
  };
};

/** The lowest bit that is set tells the height of a place; 0 is no place. */
const lowestBit = (place: number): number => place & -place;

const parentOf = (place: number, size: number): number => {
  const low = lowestBit(place);
  const above = (place - low) | (2 * low);
  return above <= size ? above : place - low;
};

/** The left child has a full subtree; the right one is the highest place that there is between here and `size`. */
const childrenOf = (place: number, size: number): number[] => {
  const low = lowestBit(place);
  if (low === 1) return [];
  let step = low / 2;
  while (step >= 1 && place + step > size) step /= 2;
  return step < 1 ? [place - low / 2] : [place - low / 2, place + step];
};

/** Steps from the root of a tree of `size` places, at least 1, to its deepest leaf: that of the left spine. */
export const treeHeight = (size: number): number => 31 - Math.clz32(size);

/** Steps from the root to the last place: one for each further bit that is set. */
export const lastPlaceDepth = (size: number): number => {
  let bits = 0;
  for (let rest = size; rest > 0; rest -= lowestBit(rest)) bits++;
  return bits - 1;
};

/** True if every place above the leaves has two children. */
export const isPerfect = (size: number): boolean => lowestBit(size + 1) === size + 1;
