/** Hierarchical all-to-all: over the network along the rails, one message a pair of nodes, then within the node. */
import { receive, release, send, tensor } from '../effects/ask.ts';
import type { Combination, Program } from '../effects/effect.ts';
import { member, positionIn } from '../effects/group.ts';
import type { Tensor } from '../effects/tensor.ts';
import { elementsOf, part, segmentLengthMax } from '../effects/tensor.ts';
import type { Rank } from '../units/identity.ts';
import type { Bytes, Seconds } from '../units/quantity.ts';
import { larger, plus, sum, times } from '../units/quantity.ts';
import { directAllToAll } from './direct-all-to-all.ts';
import { shareLength, shareOf } from './exchange.ts';
import type { Hierarchical } from './hierarchy.ts';
import { assertDomain } from './hierarchy.ts';
import type { Links } from './link-rate.ts';
import { pushTime } from './link-rate.ts';
import type { Method } from './method.ts';
import type { Payload } from './payload.ts';
import { bytesOf } from './payload.ts';
import { copyInto, tagOf } from './ring.ts';

/**
 * A rank sends all it has for a node to the rank on its own rail there, which hands it round (the order of DeepEP's
 * internode kernels; NCCL's PXN goes through the node first). On `n` ranks in `m` nodes of `d`, segments of
 * `z = e ceil(S / n)` bytes, latency `a` and bandwidth `b` within a node, `A` and `B` between nodes, a rank pushes
 * `m - 1` messages of `W = d z / B` onto its rail, while the node's lane hands round `m` batches of
 * `w = (d - 1) z / b`: the rank's own at once, the others as they arrive.
 *
 *     time       a + max(m w, A + W + (m - 1) w, A + (m - 1) W + w)
 *     sent       e (S - part for the own node)  +  e (parts for the node's other ranks, of all ranks on the rail)
 *     scratch    e (m - 1) ceil(S / m)          what the rail has brought
 *
 * By this formula it never beats `direct`, for here a message costs its sender nothing but its bytes. With one node, or
 * one rank a node, it is `direct`. It goes in one piece: the nodes' messages already follow one another.
 */
export const hierarchicalAllToAll = ({ domain, segments }: Hierarchical): Method => {
  if (segments !== 1) throw new RangeError(`a hierarchical all-to-all in ${segments} pieces: want 1`);
  const methodFor = (size: number): Method => (domain === 1 || domain === size ? directAllToAll : twoLevels(domain));
  return {
    program: (effect, self) => methodFor(effect.group.size).program(effect, self),
    time: (payload, links) => {
      assertDomain(domain, payload.group);
      return methodFor(payload.group.size).time(payload, links);
    },
    sentBytes: (payload, position) => methodFor(payload.group.size).sentBytes(payload, position),
    scratchBytes: (payload) => methodFor(payload.group.size).scratchBytes(payload),
  };
};

const twoLevels = (domain: number): Method => ({
  program: (effect, self) => program(domain, effect, self),
  time: (payload, links) => time(domain, payload, links),
  sentBytes: (payload, position) => sentBytes(domain, payload, position),
  scratchBytes: ({ group, elements, dtype }) => {
    const nodes = group.size / domain;
    return bytesOf((nodes - 1) * segmentLengthMax(elements, nodes), dtype);
  },
});

const time = (domain: number, { group, elements, dtype }: Payload, { scaleUp, nic }: Links): Seconds => {
  const nodes = group.size / domain;
  const segment = bytesOf(segmentLengthMax(elements, group.size), dtype);
  const rail = times(pushTime(segment, nic), domain);
  const batch = times(pushTime(segment, scaleUp), domain - 1);
  const waitForRail = (messages: number): Seconds =>
    sum([nic.latency, times(rail, messages), times(batch, nodes - messages)]);
  return plus(scaleUp.latency, [waitForRail(1), waitForRail(nodes - 1)].reduce(larger, times(batch, nodes)));
};

const sentBytes = (domain: number, { group, elements, dtype }: Payload, position: number): Bytes => {
  const { size } = group;
  const nodes = size / domain;
  if (elements % size === 0) return bytesOf((elements / size) * (size - domain + nodes * (domain - 1)), dtype);
  const ownNode = position - (position % domain);
  const lengthFrom = (self: number, peer: number, count: number): number =>
    shareLength(elements, { size, self, peer, count });
  let length = elements - lengthFrom(position, ownNode, domain);
  for (let from = position % domain; from < size; from += domain)
    length += lengthFrom(from, ownNode, domain) - lengthFrom(from, position, 1);
  return bytesOf(length, dtype);
};

/** A member's place among the nodes and rails of its group. Members are named by their positions. */
interface Crossroads {
  readonly effect: Combination;
  readonly domain: number;
  readonly position: number;
  /** The first member of this rank's node. */
  readonly nodeStart: number;
}

function* program(domain: number, effect: Combination, self: Rank): Program<void> {
  const { group, whole } = effect;
  const position = positionIn(group, self);
  const here: Crossroads = { effect, domain, position, nodeStart: position - (position % domain) };
  const nodes = group.size / domain;
  const longest = segmentLengthMax(elementsOf(whole), nodes);
  const staged = yield* tensor([(nodes - 1) * longest], whole.dtype, 'communication');

  for (let step = 1; step < nodes; step++) yield* sendAlongRail(here, alongRail(here, step));
  yield* handRound(here, position, runFor(here, here.nodeStart));
  for (let step = 1; step < nodes; step++) {
    const from = alongRail(here, -step);
    const run = part(staged, (step - 1) * longest, lengthBetween(here, from, here.nodeStart, domain));
    yield* receive(member(group, from), { axis: group.axis, tag: tagOf(effect), into: run });
    yield* handRound(here, from, run);
  }
  for (let step = 0; step < nodes; step++) yield* receiveRound(here, step);
  yield* release(staged.block);
}

/** Sends all that this rank has for the node of `to`. */
function* sendAlongRail(here: Crossroads, to: number): Program<void> {
  const { group } = here.effect;
  const run = runFor(here, to - (to % here.domain));
  yield* send(member(group, to), { axis: group.axis, tag: tagOf(here.effect), tensor: run });
}

/** Gives every member of the node its segment of `run`: what member `from` has for the node. */
function* handRound(here: Crossroads, from: number, run: Tensor): Program<void> {
  const { effect, domain, position, nodeStart } = here;
  const { group } = effect;
  const segmentFor = (to: number): Tensor =>
    part(run, lengthBetween(here, from, nodeStart, to - nodeStart), lengthBetween(here, from, to, 1));

  yield* copyInto(placeFor(here, from), segmentFor(position));
  for (let step = 1; step < domain; step++) {
    const to = nodeStart + ((position + step) % domain);
    yield* send(member(group, to), { axis: group.axis, tag: tagOf(effect), tensor: segmentFor(to) });
  }
}

/** Receives what the node's other members hand round in their turn `round`: what came to them from `round` nodes before. */
function* receiveRound(here: Crossroads, round: number): Program<void> {
  const { effect, domain, position, nodeStart } = here;
  const { group } = effect;
  for (let step = 1; step < domain; step++) {
    const by = nodeStart + ((position - step + domain) % domain);
    const into = placeFor(here, alongRail({ ...here, position: by }, -round));
    yield* receive(member(group, by), { axis: group.axis, tag: tagOf(effect), into });
  }
}

/** The member on this one's rail so many nodes on. */
const alongRail = ({ effect, domain, position }: Crossroads, step: number): number =>
  (position + step * domain + effect.group.size) % effect.group.size;

/** What this rank has for all members of the node that starts at `peer`. */
const runFor = ({ effect: { group, whole }, domain, position }: Crossroads, peer: number): Tensor =>
  shareOf(whole, { size: group.size, self: position, peer, count: domain });

/** Where the segment of member `from` belongs. */
const placeFor = ({ effect: { group, shard }, position }: Crossroads, from: number): Tensor =>
  shareOf(shard, { size: group.size, self: position, peer: from, count: 1 });

/** Elements that member `from` has for the `count` members from `peer` on. */
const lengthBetween = ({ effect: { group, whole } }: Crossroads, from: number, peer: number, count: number): number =>
  shareLength(elementsOf(whole), { size: group.size, self: from, peer, count });
