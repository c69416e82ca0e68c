/** Which algorithm a collective library would take: the cheapest by its closed form. */
import type { Algorithm } from '../effects/effect.ts';
import { DTYPE_BYTES } from '../kernels/dtype.ts';
import type { CollectiveAlgorithm } from '../scenario/cluster.ts';
import { COLLECTIVE_ALGORITHMS } from '../scenario/cluster.ts';
import type { CollectiveShape } from './collective.ts';
import { timeBy } from './collective.ts';
import type { GroupShape } from './group-shape.ts';
import { isPowerOfTwo } from './halving-doubling.ts';
import type { Links } from './link-rate.ts';

/** Pieces that a hierarchical collective may cut its message into. More overlap better, and pay more latencies. */
const SEGMENTS = [1, 2, 4, 8] as const;
/**
 * Bytes of a tree's pieces, and the most pieces. By the closed form ever smaller ones would do ever better; NCCL goes
 * down to chunks of 32 KiB in its trees (src/enqueue.cc, protocol LL128).
 */
const TREE_PIECE = { bytes: 2 ** 15, countMax: 64 } as const;

type Asked = Omit<CollectiveShape, 'algorithm'>;

/** The cheapest algorithm `offered`; of equals the plainest: a ring before all others, few pieces before many. */
export const chooseAlgorithm = (
  asked: Asked,
  links: Links,
  offered: readonly CollectiveAlgorithm[] = COLLECTIVE_ALGORITHMS,
): Algorithm => {
  let best = plainest(asked);
  if (asked.group.size === 1) return best;
  let least = Number.POSITIVE_INFINITY;
  for (const algorithm of [best, ...rivals(asked, offered)]) {
    const time = timeBy(algorithm, asked, links);
    if (time >= least) continue;
    best = algorithm;
    least = time;
  }
  return best;
};

const plainest = ({ operation }: Asked): Algorithm =>
  operation === 'all-to-all' || operation === 'shift' ? { kind: 'direct' } : { kind: 'ring' };

/**
 * What may be cheaper. Two ranks do the same by any algorithm. An all-to-all in two levels never is: see its formula.
 */
const rivals = (asked: Asked, offered: readonly CollectiveAlgorithm[]): Algorithm[] => {
  const { operation, group } = asked;
  if (operation === 'all-to-all' || operation === 'shift' || group.size === 2) return [];
  return [
    ...(offered.includes('halving-doubling') && isPowerOfTwo(group.size)
      ? [{ kind: 'halving-doubling' } as const]
      : []),
    ...(offered.includes('tree') && operation === 'all-reduce' ? [treeFor(asked)] : []),
    ...(offered.includes('hierarchical') ? hierarchies(group) : []),
  ];
};

/** Trees over the nodes, or over the ranks where all are in one. */
const treeFor = ({ group, elements, dtype }: Asked): Algorithm => {
  const domain = group.domain === group.size ? 1 : group.domain;
  const half = (elements * DTYPE_BYTES[dtype]) / (2 * domain);
  const segments = Math.min(TREE_PIECE.countMax, Math.max(1, Math.floor(half / TREE_PIECE.bytes)));
  return { kind: 'tree', domain, segments };
};

/** Two levels make sense only where there are two: several domains, of several ranks each. */
const hierarchies = ({ size, domain }: GroupShape): Algorithm[] =>
  domain > 1 && domain < size ? SEGMENTS.map((segments) => ({ kind: 'hierarchical', domain, segments })) : [];
