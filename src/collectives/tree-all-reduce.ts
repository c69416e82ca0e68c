/** Tree all-reduce: sums within every node, all-reduces each rail's share over two binary trees, shares in the node. */
import { receive, release, send, tensor } from '../effects/ask.ts';
import type { Algorithm, Combination, Program } from '../effects/effect.ts';
import type { Group } from '../effects/group.ts';
import { member, positionIn, railOf, runOf } from '../effects/group.ts';
import type { Tensor } from '../effects/tensor.ts';
import { elementsOf, part, segmentLength, segmentLengthMax, segmentOf } from '../effects/tensor.ts';
import type { Rank } from '../units/identity.ts';
import type { Bytes, Seconds } from '../units/quantity.ts';
import { plus, times } from '../units/quantity.ts';
import type { Relatives } from './double-tree.ts';
import { relativesIn } from './double-tree.ts';
import type { GroupShape } from './group-shape.ts';
import type { LinkRate, Links } from './link-rate.ts';
import type { Method } from './method.ts';
import type { Payload } from './payload.ts';
import { bytesOf } from './payload.ts';
import { allGatherLap } from './ring-all-gather.ts';
import { reduceScatterLap } from './ring-reduce-scatter.ts';
import { ringTime } from './ring-time.ts';
import type { Ring } from './ring.ts';
import { addInto, arrivalLength, tagOf } from './ring.ts';
import { doubleTreeTime } from './tree-time.ts';

export type Tree = Extract<Algorithm, { readonly kind: 'tree' }>;

/**
 * The two trees carry half of the message each, so that a member, which has children in one of them at most, pushes
 * twice the message in all, as in a ring (Sanders, Speck and Traeff, Parallel Computing 35, 2009). They join members
 * over links of one kind only: the nodes of a rail, each rail with a `d`-th of the whole, after the `d` ranks of a node
 * have summed it in a ring. That is what NCCL 2.4 does over the network, where its channels share the NICs of a node
 * among trees; and a tree with edges of two kinds would leave most NICs idle. With `d = 1` it is the trees alone.
 *
 * On `n` ranks in `m` nodes of `d`, for a whole of `S` elements of `e` bytes in pieces of `z = e ceil(ceil(S / d) / 2 c)`
 * bytes, latency `a` and bandwidth `b` in the node, `T` the time of the trees (see `doubleTreeTime`):
 *
 *     time       2 (d - 1) (a + 2 c z / b) + T
 *     sent       e (S - own share)  +  e (S - next rank's share)  +  e (half of the share for each relative in its tree)
 *     scratch    z                  the piece that has arrived and is about to be added; 0 for n = 1
 */
export const treeAllReduce = (algorithm: Tree): Method => ({
  program: (effect, self) => program(algorithm, effect, self),
  time: (payload, links) => time(algorithm, payload, links),
  sentBytes: (payload, position) => sentBytes(algorithm, payload, position),
  scratchBytes: ({ group, elements, dtype }) =>
    bytesOf(arrivalLength(group.size, pieceMax(algorithm, elements)), dtype),
});

const pieceMax = ({ domain, segments }: Tree, elements: number): number =>
  segmentLengthMax(segmentLengthMax(elements, domain), 2 * segments);

const time = (tree: Tree, { group, elements, dtype }: Payload, links: Links): Seconds => {
  const { domain, segments } = tree;
  const piece = bytesOf(pieceMax(tree, elements), dtype);
  const lap = ringTime(
    { steps: domain - 1, group: { size: domain, domain }, segment: times(piece, 2 * segments) },
    links,
  );
  const trees = { size: group.size / domain, segments, piece };
  return plus(times(lap, 2), doubleTreeTime(trees, linkOfTrees(tree, group, links)));
};

/** The trees' only kind of link. */
const linkOfTrees = ({ domain }: Tree, group: GroupShape, links: Links): LinkRate => {
  if (domain === group.domain) return links.nic;
  if (domain === 1 && group.domain === group.size) return links.scaleUp;
  throw new RangeError(
    `trees over nodes of ${domain} ranks on a group of ${group.size} with ${group.domain} a domain: want equal nodes`,
  );
};

const sentBytes = ({ domain }: Tree, { group, elements, dtype }: Payload, position: number): Bytes => {
  const shareAt = (rail: number): number => segmentLength(elements, domain, rail);
  const rail = position % domain;
  const inNode = 2 * elements - shareAt(rail) - shareAt((rail + 1) % domain);
  const onTrees = TREES.map((tree) => {
    const { parent, children } = relativesIn(tree, group.size / domain, Math.floor(position / domain));
    return segmentLength(shareAt(rail), TREES.length, tree) * (children.length + (parent === null ? 0 : 1));
  });
  return bytesOf(
    onTrees.reduce((total, length) => total + length, inNode),
    dtype,
  );
};

const TREES = [0, 1] as const;

function* program(algorithm: Tree, effect: Combination, self: Rank): Program<void> {
  const { group, whole } = effect;
  const position = positionIn(group, self);
  const node = nodeRing(algorithm, effect, position);
  const longest = arrivalLength(group.size, pieceMax(algorithm, elementsOf(whole)));
  const arrival = yield* tensor([longest], whole.dtype, 'communication');

  yield* reduceScatterLap(node, arrival);
  yield* allReduceOverTrees(branchesOf(algorithm, effect, position), arrival);
  yield* allGatherLap(node);
  yield* release(arrival.block);
}

/** The ring of the node, which passes round one rail's share a member, in the pieces that the trees take. */
const nodeRing = (algorithm: Tree, effect: Combination, position: number): Ring => ({
  group: runOf(effect.group, algorithm.domain, position),
  position: position % algorithm.domain,
  tag: tagOf(effect),
  segment: (rail) => TREES.flatMap((tree) => piecesOf(algorithm, effect.whole, { rail, tree })),
});

/** What one of the trees carries of a rail's share. */
const piecesOf = (
  { domain, segments }: Tree,
  whole: Tensor,
  { rail, tree }: { rail: number; tree: (typeof TREES)[number] },
): Tensor[] => {
  const share = segmentOf(whole, domain, rail);
  return Array.from({ length: segments }, (_, index) =>
    segmentOf(share, TREES.length * segments, tree * segments + index),
  );
};

/** A member's place in one of the trees, and the pieces that it carries. */
interface Branch extends Relatives {
  readonly rail: Group;
  readonly tag: number;
  readonly pieces: readonly Tensor[];
}

const branchesOf = (algorithm: Tree, effect: Combination, position: number): Branch[] => {
  const { domain } = algorithm;
  const rail = railOf(effect.group, domain, position);
  return TREES.map((tree) => ({
    ...relativesIn(tree, rail.size, Math.floor(position / domain)),
    rail,
    tag: tagOf(effect),
    pieces: piecesOf(algorithm, effect.whole, { rail: position % domain, tree }),
  }));
};

/**
 * First up the trees in which the member is a leaf and has nothing to wait for, then up and down the one in which it
 * has children, if it has. What comes down to a leaf goes nowhere from there, so it can wait.
 */
function* allReduceOverTrees(branches: readonly Branch[], arrival: Tensor): Program<void> {
  const leaves = branches.filter(({ children }) => children.length === 0);
  const inner = branches.filter(({ children }) => children.length > 0);
  for (const branch of [...leaves, ...inner]) yield* sumUp(branch, arrival);
  for (const branch of [...inner, ...leaves]) yield* handDown(branch);
}

function* sumUp({ rail, tag, parent, children, pieces }: Branch, arrival: Tensor): Program<void> {
  const { axis } = rail;
  for (const piece of pieces) {
    for (const child of children) {
      const theirs = part(arrival, 0, elementsOf(piece));
      yield* receive(member(rail, child), { axis, tag, into: theirs });
      yield* addInto(piece, theirs);
    }
    if (parent !== null) yield* send(member(rail, parent), { axis, tag, tensor: piece });
  }
}

function* handDown({ rail, tag, parent, children, pieces }: Branch): Program<void> {
  const { axis } = rail;
  for (const piece of pieces) {
    if (parent !== null) yield* receive(member(rail, parent), { axis, tag, into: piece });
    for (const child of children) yield* send(member(rail, child), { axis, tag, tensor: piece });
  }
}
