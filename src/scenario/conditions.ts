/** What is not as a plan takes it for: slow cards, links that fail, ranks that do not sit where they should, and noise. */
import type { Ratio } from '../units/quantity.ts';
import { ratio } from '../units/quantity.ts';

export const PLACEMENTS = ['linear', 'random', 'topology'] as const;
/**
 * `linear`: rank n on card n; `random`: whole nodes in an order drawn by the seed; `topology`: as the ranks that send each
 * other most over the network sit under one switch.
 */
export type Placement = (typeof PLACEMENTS)[number];

/** Takes so much longer to compute than its like: 20% is 1.2 times as long. */
export interface Straggler {
  readonly what: 'card' | 'node' | 'leaf';
  readonly index: number;
  readonly by: Ratio;
}

/** A link that carries less than it should; 0 of its bandwidth left is a dead one. */
export interface WornLink {
  /** As a report names it: `nic 12 out`, `leaf 3 up 7`. */
  readonly link: string;
  readonly left: Ratio;
}

export interface Conditions {
  readonly placement: Placement;
  readonly slow: readonly Straggler[];
  readonly links: readonly WornLink[];
  /** Spread of what an operation takes, as the standard deviation of its logarithm: lognormal, drawn by the seed. */
  readonly jitter: { readonly compute: Ratio; readonly network: Ratio };
  /** `shared`: messages get in each other's way on the links; `private`: each has them to itself. */
  readonly network: 'shared' | 'private';
}

/** Nothing is wrong. */
export const CALM: Conditions = {
  placement: 'linear',
  slow: [],
  links: [],
  jitter: { compute: ratio(0), network: ratio(0) },
  network: 'private',
};

export const isCalm = ({ placement, slow, links, jitter, network }: Conditions): boolean =>
  placement === 'linear' &&
  slow.length + links.length === 0 &&
  jitter.compute + jitter.network === 0 &&
  network === 'private';

export const FABRICS = ['rail-optimized', 'fat-tree'] as const;
export const ROUTINGS = ['ecmp', 'adaptive'] as const;

/** Two tiers of switches between the nodes of a cluster. See `sim/network/wiring.ts`. */
export interface FabricPlan {
  readonly kind: (typeof FABRICS)[number];
  /** Nodes whose cards share leaf switches. */
  readonly leafNodes: number;
  /** Links from a leaf switch to the spine. */
  readonly uplinks: number;
  readonly oversubscription: number;
  readonly routing: (typeof ROUTINGS)[number];
}

/** Where nobody says how nodes are wired: a full tree on rails, as of a DGX SuperPOD, whose packets take all ways. */
export const ASSUMED_FABRIC: FabricPlan = {
  kind: 'rail-optimized',
  leafNodes: 32,
  uplinks: 32,
  oversubscription: 1,
  routing: 'adaptive',
};
