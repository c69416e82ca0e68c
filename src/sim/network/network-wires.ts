/** Brings the messages of ranks onto the links between the cards that they sit on. */
import { collectiveShape, collectiveTime } from '../../collectives/collective.ts';
import type { Collective } from '../../effects/effect.ts';
import type { Links } from '../../collectives/link-rate.ts';
import { bytesPerSecond, instantZero, later } from '../../units/quantity.ts';
import type { Wires } from '../crowd/crowd.ts';
import type { Meeting } from '../crowd/parts.ts';
import type { Machine } from '../machine.ts';
import type { LinkUse, Route } from './flows.ts';
import { Flows } from './flows.ts';
import type { Fabric } from './wiring.ts';

/** There is no way left for a message. */
export class NoWay extends Error {
  override readonly name = 'NoWay';
}

/** What of a meeting passes over the network, in nanoseconds at full rate, and what else it takes. */
interface OnWires {
  readonly size: number;
  readonly rest: number;
  readonly effect: Collective;
  /** Consecutive members that share a scale-up domain. */
  readonly perDomain: number;
  /** By its first rank: what a group of these members takes. */
  readonly routes: Map<number, Route>;
}

export class NetworkWires implements Wires {
  readonly #fabric: Fabric;
  readonly #flows: Flows;
  /** By rank: the card that it sits on. */
  readonly #cards: Int32Array;
  readonly #meetings: readonly (OnWires | null)[];
  readonly #routes = new Map<number, Route>();

  constructor(fabric: Fabric, cards: Int32Array, meetings: readonly Meeting[], machine: Machine) {
    this.#fabric = fabric;
    this.#flows = new Flows(fabric.capacity);
    this.#cards = cards;
    this.#meetings = meetings.map((meeting) => onWires(meeting, machine));
  }

  get use(): LinkUse {
    return this.#flows;
  }
  get events(): number {
    return this.#flows.events;
  }

  send({ from, to }: { from: number; to: number }, size: number, at: number, done: (at: number) => void): void {
    const key = from * this.#cards.length + to;
    let route = this.#routes.get(key);
    if (route === undefined) {
      route = this.#linksBetween(from, to).map((link) => ({ link, weight: 1 }));
      this.#routes.set(key, route);
    }
    this.#flows.begin(route, size, at, done);
  }

  meet(
    { meeting: index, first, stretch }: { meeting: number; first: number; stretch: number },
    at: number,
    done: (at: number) => void,
  ): boolean {
    const meeting = this.#meetings[index]!;
    if (meeting === null) return false;
    let route = meeting.routes.get(first);
    if (route === undefined) {
      route = this.#routeOf(meeting, first);
      meeting.routes.set(first, route);
    }
    const [size, rest] = [meeting.size, meeting.rest].map((part) => Math.round(part * stretch));
    this.#flows.begin(route, size!, at, (end) => done(end + rest!));
    return true;
  }

  advance(): boolean {
    return this.#flows.advance();
  }

  #linksBetween(from: number, to: number): readonly number[] {
    const route = this.#fabric.route(this.#cards[from]!, this.#cards[to]!);
    if ('dead' in route) throw new NoWay(`rank ${from} cannot reach rank ${to}: ${route.dead} is dead`);
    return route;
  }

  /** What members send goes round among those of one place in their domains; of an all-to-all, from each to each. */
  #routeOf({ effect, perDomain }: OnWires, first: number): Route {
    const { operation, group } = effect;
    const ranks = Array.from({ length: group.size }, (_, position) => first + position * group.stride);
    const weights = new Map<number, number>();
    const put = (link: number, weight: number): void => void weights.set(link, (weights.get(link) ?? 0) + weight);
    if (operation === 'all-to-all') this.#spread(ranks, put);
    else
      for (const [position, from] of ranks.entries())
        for (const link of this.#linksBetween(from, ranks[(position + perDomain) % group.size]!)) put(link, 1);
    return [...weights].map(([link, weight]) => ({ link, weight }));
  }

  /** Each member's own links are full; what leaves a switch is its share of all that is sent. */
  #spread(ranks: readonly number[], put: (link: number, weight: number) => void): void {
    const fabric = this.#fabric;
    const ofLeaf = new Map<number, number>();
    for (const rank of ranks) {
      const card = this.#cards[rank]!;
      put(fabric.out(card), 1);
      put(fabric.into(card), 1);
      const leaf = fabric.leafOf(card);
      ofLeaf.set(leaf, (ofLeaf.get(leaf) ?? 0) + 1);
    }
    for (const [leaf, count] of ofLeaf) {
      const leaving = (count * (ranks.length - count)) / ranks.length;
      const { up, down } = fabric.trunkOf(leaf);
      if (leaving === 0) continue;
      put(up, leaving);
      put(down, leaving);
    }
  }
}

/** Null for what stays within a domain. What a faster network would save is what the network takes. */
const onWires = ({ effect, nanoseconds }: Meeting, { links, scaleUpDomain }: Machine): OnWires | null => {
  const shape = collectiveShape(effect, scaleUpDomain);
  if (shape.group.domain === shape.group.size) return null;
  const endless: Links = { ...links, nic: { ...links.nic, bandwidth: bytesPerSecond(Number.MAX_VALUE) } };
  const rest = later(instantZero, collectiveTime(shape, endless));
  const size = nanoseconds - rest;
  return size <= 0 ? null : { size, rest, effect, perDomain: shape.group.domain, routes: new Map() };
};
