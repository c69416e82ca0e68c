/** What a rung says of a job: its step time term by term and its memory block by block, stage by stage. */
import type { Purpose } from '../memory/purpose.ts';
import type { Tier } from '../memory/tier.ts';
import type { Axis } from '../effects/group.ts';
import type { Bytes, Flops, Seconds } from '../units/quantity.ts';

/** Rungs of the ladder of fidelity, cheapest first. */
export const FIDELITIES = ['bound', 'folded', 'full', 'message'] as const;
export type Fidelity = (typeof FIDELITIES)[number];

/**
 * Where a stage's time goes; the terms of a stage add up to the step.
 * `tp`, `cp`, `ep`, `dp`: communication that nothing hides, that of an expert's tensor ranks under `tp`. `offload`: copies
 * to and from the host that nothing hides, and its optimizer's step. `bubble`: waiting for another stage, its messages' way included.
 */
export const TERMS = [
  'matrix',
  'attention',
  'vector',
  'recompute',
  'tp',
  'cp',
  'ep',
  'bubble',
  'dp',
  'offload',
  'optimizer',
  'input',
] as const;
export type Term = (typeof TERMS)[number];
export type Terms = Readonly<Record<Term, Seconds>>;

export interface MemoryPeak {
  readonly total: Bytes;
  /** Adds up to `total`. */
  readonly byPurpose: Readonly<Record<Purpose, Bytes>>;
  /** When the peak is reached, in words: `backward of microbatch 3, model chunk 0`. */
  readonly moment: string;
}

export interface StageReport {
  readonly stage: number;
  /** Layers of each model chunk. */
  readonly layers: readonly number[];
  /** Parameters on one rank of the stage, padding of the vocabulary included. */
  readonly parameters: number;
  readonly terms: Terms;
  readonly memory: MemoryPeak;
  /** The most that one rank holds of its host's memory. */
  readonly host: Bytes;
  /** Bytes that one rank copies a step over its host's bus, by the tier they go to; what its loader reads is not among them. */
  readonly copied: Readonly<Record<Tier, Bytes>>;
  /** When the first backward starts (the pipeline is filled) and when the last forward ends (it begins to drain). */
  readonly filledAt: Seconds;
  readonly drainsAt: Seconds;
}

export interface Evaluation {
  readonly fidelity: Fidelity;
  readonly step: Seconds;
  readonly stages: readonly StageReport[];
  /** FLOPs that one step takes on all devices, recomputation included. */
  readonly hardwareFlops: Flops;
  /** Bytes that one rank of the busiest stage sends a step, by axis. */
  readonly sent: Readonly<Record<Axis, Bytes>>;
  /** What all ranks of the node that holds most of it hold of the host's memory. */
  readonly host: Bytes;
}
