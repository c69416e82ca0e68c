/** Where bytes can live: on the card or in its host's memory. */

export const TIERS = ['hbm', 'dram'] as const;
export type Tier = (typeof TIERS)[number];

/** The other end of the bus between both. */
export const opposite = (tier: Tier): Tier => (tier === 'hbm' ? 'dram' : 'hbm');
