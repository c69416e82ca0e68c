/** How the cards of a cluster are wired: which links a message takes from one to another, and what each of them carries. */

/**
 * Two tiers of switches. `rail-optimized`: the cards of one number of so many nodes share a leaf switch, each number has its
 * own (NVIDIA DGX SuperPOD reference architecture); `fat-tree`: all cards of so many nodes share one (Al-Fares et al. 2008).
 */
export interface Wiring {
  readonly kind: 'rail-optimized' | 'fat-tree';
  /** Cards of a node, each with an interface of its own to the network. */
  readonly perNode: number;
  readonly nodes: number;
  /** Nodes whose cards share leaf switches. */
  readonly leafNodes: number;
  /** Links from a leaf switch up to the spine, one to each of its switches. */
  readonly uplinks: number;
  /** What a leaf switch takes from its cards over what it gives to the spine: 1 is a full tree. */
  readonly oversubscription: number;
  /** `ecmp`: each pair of cards has one way, drawn by the seed; `adaptive`: packets take all ways alike. */
  readonly routing: 'ecmp' | 'adaptive';
  readonly seed: number;
}

/** A link that is not as it should be: `rate` is the share of its own that it has left; 0 is a dead one. */
export interface Fault {
  readonly link: string;
  readonly rate: number;
}

/** What stands between two cards: `nic 12 out`, `leaf 3 up 7`, `leaf 3 up` all of them together. */
export class Fabric {
  readonly wiring: Wiring;
  /** In rates of a card's interface, by link. */
  readonly capacity: Float64Array;
  readonly #cards: number;
  readonly #leaves: number;
  readonly #alive: readonly (readonly number[])[];

  constructor(wiring: Wiring, faults: readonly Fault[] = []) {
    this.wiring = wiring;
    const { kind, perNode, nodes, leafNodes, uplinks, oversubscription } = wiring;
    this.#cards = nodes * perNode;
    this.#leaves = Math.ceil(nodes / leafNodes) * (kind === 'rail-optimized' ? perNode : 1);
    const cardsOfLeaf = leafNodes * (kind === 'rail-optimized' ? 1 : perNode);
    const whole = cardsOfLeaf / oversubscription;
    this.capacity = new Float64Array(2 * this.#cards + 2 * this.#leaves * (1 + uplinks)).fill(1);
    for (let link = 2 * this.#cards; link < this.capacity.length; link++)
      this.capacity[link] = (link - 2 * this.#cards) % (1 + uplinks) === 0 ? whole : whole / uplinks;
    const names = new Map(
      Array.from({ length: faults.length === 0 ? 0 : this.links }, (_, link) => [this.nameOf(link), link]),
    );
    for (const { link, rate } of faults) this.#damage(names.get(link), { link, rate });
    this.#alive = Array.from({ length: this.#leaves }, (_, leaf) => this.#aliveAt(leaf));
  }

  get leaves(): number {
    return this.#leaves;
  }
  get links(): number {
    return this.capacity.length;
  }

  leafOf(card: number): number {
    const { kind, perNode, leafNodes } = this.wiring;
    const group = Math.floor(Math.floor(card / perNode) / leafNodes);
    return kind === 'rail-optimized' ? group * perNode + (card % perNode) : group;
  }

  /** The links from card to card, in that order; or what is dead on every way. */
  route(from: number, to: number): readonly number[] | { readonly dead: string } {
    const [out, into] = [from, this.#cards + to];
    for (const link of [out, into]) if (this.capacity[link] === 0) return { dead: this.nameOf(link) };
    const [here, there] = [this.leafOf(from), this.leafOf(to)];
    if (here === there) return [out, into];
    if (this.wiring.routing === 'adaptive') return [out, this.#up(here, 0), this.#down(there, 0), into];
    const ways = this.#alive[here]!.filter((way) => this.#alive[there]!.includes(way));
    const way = ways[hash(this.wiring.seed, from, to) % ways.length];
    if (way === undefined) return { dead: `every way from leaf ${here} to leaf ${there}` };
    return [out, this.#up(here, way), this.#down(there, way), into];
  }
  /** By name, all that is plugged into a leaf switch, each link once: its cards' and every way up and down. */
  linksOfLeaf(leaf: number): readonly string[] {
    const cards = Array.from({ length: this.#cards }, (_, card) => card).filter((card) => this.leafOf(card) === leaf);
    const ways = Array.from({ length: this.wiring.uplinks }, (_, way) => way + 1);
    return [
      ...cards.flatMap((card) => [this.out(card), this.into(card)]),
      ...ways.flatMap((way) => [this.#up(leaf, way), this.#down(leaf, way)]),
    ].map((link) => this.nameOf(link));
  }
  /** The links that all ways from a leaf, or to it, share. */
  trunkOf(leaf: number): { readonly up: number; readonly down: number } {
    return { up: this.#up(leaf, 0), down: this.#down(leaf, 0) };
  }
  out(card: number): number {
    return card;
  }
  into(card: number): number {
    return this.#cards + card;
  }

  nameOf(link: number): string {
    if (link < 2 * this.#cards) return `nic ${link % this.#cards} ${link < this.#cards ? 'out' : 'in'}`;
    const { uplinks } = this.wiring;
    const beyond = link - 2 * this.#cards;
    const isUp = beyond < this.#leaves * (1 + uplinks);
    const own = beyond % (this.#leaves * (1 + uplinks));
    const way = own % (1 + uplinks);
    const name = `leaf ${Math.floor(own / (1 + uplinks))} ${isUp ? 'up' : 'down'}`;
    return way === 0 ? name : `${name} ${way}`;
  }

  /** Way 0 stands for all of a leaf's. */
  #up(leaf: number, way: number): number {
    return 2 * this.#cards + leaf * (1 + this.wiring.uplinks) + way;
  }
  #down(leaf: number, way: number): number {
    return this.#up(this.#leaves + leaf, way);
  }

  #damage(number: number | undefined, { link, rate }: Fault): void {
    if (number === undefined) throw new RangeError(`there is no link ${link}`);
    const before = this.capacity[number]!;
    this.capacity[number] = before * rate;
    // What all ways of a leaf carry together is less by what this one does not.
    const { uplinks } = this.wiring;
    const beyond = number - 2 * this.#cards;
    const way = beyond % (1 + uplinks);
    if (beyond >= 0 && way > 0) this.capacity[number - way]! -= before * (1 - rate);
  }
  #aliveAt(leaf: number): readonly number[] {
    const ways: number[] = [];
    for (let way = 1; way <= this.wiring.uplinks; way++)
      if (this.capacity[this.#up(leaf, way)]! > 0 && this.capacity[this.#down(leaf, way)]! > 0) ways.push(way);
    return ways;
  }
}

/** A number of 32 bits that nobody foresees, the same for the same three (Murmur3's finalizer). */
const hash = (seed: number, from: number, to: number): number => {
  let bits = Math.imul(seed ^ Math.imul(from + 1, 0x9e3779b1), 0x85ebca6b) ^ Math.imul(to + 1, 0xc2b2ae35);
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
};
