/** A group seen as nodes and rails: members of one node have fast links, members of one rail meet over the network. */
import type { Algorithm, Combination } from '../effects/effect.ts';
import { positionIn, railOf, runOf } from '../effects/group.ts';
import type { Tensor } from '../effects/tensor.ts';
import { elementsOf, segmentLength, segmentLengthMax, segmentOf } from '../effects/tensor.ts';
import type { Rank } from '../units/identity.ts';
import type { Bytes, Seconds } from '../units/quantity.ts';
import { plus } from '../units/quantity.ts';
import type { GroupShape } from './group-shape.ts';
import type { Links } from './link-rate.ts';
import type { Payload } from './payload.ts';
import { bytesOf } from './payload.ts';
import { ringTime } from './ring-time.ts';
import type { Ring } from './ring.ts';
import { arrivalLength, tagOf } from './ring.ts';

export type Hierarchical = Extract<Algorithm, { readonly kind: 'hierarchical' }>;

/**
 * One rank's two rings for each piece of the message. The whole is cut into one segment a member, as for a flat ring,
 * and piece `k` is the k-th cut of every segment. On the node's ring, place `j` stands for the segments of the whole
 * rail `j`, one in every node; on the rail's ring, place `v` stands for the one segment of the rail's member in node
 * `v`. So segment `i` of the whole belongs to member `i`, whatever path it takes.
 */
export interface Hierarchy {
  readonly nodeRing: (piece: number) => Ring;
  readonly railRing: (piece: number) => Ring;
  /** Elements of the longest message. */
  readonly longest: number;
}

export const hierarchyOf = ({ domain, segments }: Hierarchical, effect: Combination, self: Rank): Hierarchy => {
  const { group, whole } = effect;
  const position = positionIn(group, self);
  const [node, rail] = [Math.floor(position / domain), position % domain];
  const nodes = Array.from({ length: group.size / domain }, (_, index) => index);
  const cut = (owner: number, piece: number): Tensor => segmentOf(segmentOf(whole, group.size, owner), segments, piece);
  return {
    nodeRing: (piece) => ({
      group: runOf(group, domain, position),
      position: rail,
      tag: tagOf(effect),
      segment: (place) => nodes.map((each) => cut(each * domain + place, piece)),
    }),
    railRing: (piece) => ({
      group: railOf(group, domain, position),
      position: node,
      tag: tagOf(effect),
      segment: (place) => [cut(place * domain + rail, piece)],
    }),
    longest: longestMessage(segments, elementsOf(whole), group.size),
  };
};

const longestMessage = (segments: number, elements: number, size: number): number =>
  segmentLengthMax(segmentLengthMax(elements, size), segments);

export interface PhaseTimes {
  readonly node: Seconds;
  readonly rail: Seconds;
}

/**
 * One lap of one of `c` pieces on the node's ring and on the rail's, with `d` members a node, `m` nodes, `a` and `b`
 * latency and bandwidth within a node, `A` and `B` between nodes, `z = e ceil(ceil(S / n) / c)` bytes a message:
 *
 *     node    (d - 1) (a + m z / b)       rail    (m - 1) (A + z / B)
 */
export const phaseTimes = ({ domain, segments }: Hierarchical, payload: Payload, links: Links): PhaseTimes => {
  const { group, elements, dtype } = payload;
  assertDomain(domain, group);
  const nodes = group.size / domain;
  const message = longestMessage(segments, elements, group.size);
  return {
    node: ringTime(
      { steps: domain - 1, group: { size: domain, domain }, segment: bytesOf(nodes * message, dtype) },
      links,
    ),
    rail: ringTime({ steps: nodes - 1, group: { size: nodes, domain: 1 }, segment: bytesOf(message, dtype) }, links),
  };
};

/** Refuses a hierarchy that is not that of the fabric: its edges would be of two kinds where the formulas see one. */
export const assertDomain = (domain: number, group: GroupShape): void => {
  if (group.domain !== domain)
    throw new RangeError(
      `a hierarchy of ${domain} ranks a node on a group of ${group.domain} a domain: want them equal`,
    );
};

/** Elements of all segments of the rail at place `rail` of the nodes. */
export const railLength = ({ domain }: Hierarchical, { group, elements }: Payload, rail: number): number => {
  if (elements % group.size === 0) return elements / domain;
  let length = 0;
  for (let owner = rail; owner < group.size; owner += domain) length += segmentLength(elements, group.size, owner);
  return length;
};

/** The receive buffers of one rank: one for the node's ring and one for the rail's, which run side by side. */
export const arrivalBytes = ({ domain, segments }: Hierarchical, { group, elements, dtype }: Payload): Bytes => {
  const message = longestMessage(segments, elements, group.size);
  return plus(
    bytesOf(arrivalLength(domain, message), dtype),
    bytesOf(arrivalLength(group.size / domain, message), dtype),
  );
};
