/** The keys `conditions` of a scenario and `fabric` of a cluster. */
import { z } from 'zod';
import { ratio } from '../units/quantity.ts';
import type { Conditions, FabricPlan, Straggler, WornLink } from './conditions.ts';
import { FABRICS, PLACEMENTS, ROUTINGS } from './conditions.ts';
import { closed, factor, oneOf, share, whole } from './shape.ts';

const more = factor.describe('How much longer it takes: 20% is 1.2 times as long.');
const index = whole(0, 1_000_000);

const straggler = z
  .union([closed({ card: index, by: more }), closed({ node: index, by: more }), closed({ leaf: index, by: more })], {
    error: 'a card, a node or a leaf (a switch), and by how much it is slow: {card: 12, by: 20%}',
  })
  .transform((written): Straggler => {
    const { by } = written;
    if ('card' in written) return { what: 'card', index: written.card, by };
    if ('node' in written) return { what: 'node', index: written.node, by };
    return { what: 'leaf', index: written.leaf, by };
  });

/** `nic 12 out`, `nic 12 in`, `leaf 3 up`, `leaf 3 down`, `leaf 3 up 7`. */
const LINK_NAME = /^(?:nic \d+ (?:out|in)|leaf \d+ (?:up|down)(?: [1-9]\d*)?)$/u;

const wornLink = closed(
  {
    link: z
      .string({ error: 'a link such as nic 12 out, or leaf 3 up 7' })
      .regex(LINK_NAME, { error: 'a link such as nic 12 out, nic 12 in, leaf 3 up, leaf 3 down or leaf 3 up 7' }),
    left: share.describe('Of its bandwidth; 0% is a dead link.'),
  },
  'a link and what is left of it: {link: leaf 3 up 7, left: 0%}',
).transform((written): WornLink => written);

export const conditionsSchema = closed(
  {
    placement: oneOf(PLACEMENTS)
      .default('linear')
      .describe('Where ranks sit: in their order, at random by the seed, or as their traffic wants it.'),
    slow: z.array(straggler, { error: 'a list of what is slow' }).readonly().default([]),
    links: z.array(wornLink, { error: 'a list of links' }).readonly().default([]),
    jitter: closed(
      { compute: share.default(ratio(0)), network: share.default(ratio(0)) },
      'a mapping of compute and network',
    )
      .prefault({})
      .describe('Lognormal spread of what each operation and each message takes, drawn by the seed.'),
    network: oneOf(['shared', 'private'])
      .optional()
      .describe(
        "Whether messages get in each other's way. Absent: shared where the cluster has a fabric, or a condition asks.",
      ),
  },
  'a mapping of placement, slow, links, jitter and network',
).describe('What is not as it should be. The full rung plays it, rank by rank.');

export const conditionsFrom = (
  written: z.output<typeof conditionsSchema>,
  { hasFabric }: { readonly hasFabric: boolean },
): Conditions => {
  const { placement, slow, links } = written;
  const asksForNetwork = placement !== 'linear' || links.length > 0 || slow.some(({ what }) => what === 'leaf');
  return { ...written, network: written.network ?? (hasFabric || asksForNetwork ? 'shared' : 'private') };
};

export const fabricSchema = closed(
  {
    kind: oneOf(FABRICS).default('rail-optimized'),
    leafNodes: whole(1, 100_000).default(32).describe('Nodes whose cards share leaf switches.'),
    uplinks: whole(1, 10_000).default(32).describe('Links from a leaf switch to the spine.'),
    oversubscription: z
      .number({ error: 'a number of at least 1' })
      .min(1, { error: 'a number of at least 1' })
      .default(1)
      .describe('What a leaf takes from its cards over what it gives to the spine.'),
    routing: oneOf(ROUTINGS)
      .default('ecmp')
      .describe('ecmp: each pair of cards keeps one way, drawn by the seed; adaptive: packets take all of them.'),
  },
  'a mapping of kind, leafNodes, uplinks, oversubscription and routing',
)
  .transform((written): FabricPlan => written)
  .describe('Two tiers of switches between the nodes.');
