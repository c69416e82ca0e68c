/** Constants of the cost model that belong to no cluster: each a figure with its origin, as the report shows them. */
import type { Figure } from '../scenario/cluster.ts';
import type { Ratio } from '../units/quantity.ts';
import { ratio } from '../units/quantity.ts';

const assumed = (value: number, source: string): Figure<Ratio> => ({ value: ratio(value), from: 'assumed', source });

/** Matrix tiles that GEMM libraries choose among, with the share of the best rate that a full wave of them reaches. */
export const TILES = [
  { rows: 256, columns: 128, share: 1 },
  { rows: 128, columns: 256, share: 1 },
  { rows: 128, columns: 128, share: 0.95 },
  { rows: 64, columns: 128, share: 0.8 },
  { rows: 128, columns: 64, share: 0.8 },
  { rows: 64, columns: 64, share: 0.6 },
] as const;

export const ASSUMPTIONS = {
  /** Depth k at which a tile's prologue and epilogue cost as much as its products. */
  depthHalf: assumed(
    128,
    'filling and draining a tile costs about the time of 128 products deep; NVIDIA matrix multiplication guide, qualitatively',
  ),
  /** Flash attention's share of the rate that large matrix multiplications reach, forward. */
  flashForward: assumed(0.7, 'Dao 2023 (arXiv 2307.08691): 50 to 73% of the A100 peak forward at head dimension 128'),
  /** The same backward. */
  flashBackward: assumed(0.58, 'Dao 2023 (arXiv 2307.08691): 63% of the A100 peak at best backward, less in the mean'),
  /** Batched products of unfused attention: small matrices, no epilogue to share. */
  unfused: assumed(0.75, 'batched products are read and written in full; no measured value'),
} as const;
