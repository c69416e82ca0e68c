/** What a crew of ranks that train is told: plain data, the same for all. */
import type { Itinerary } from '../../actors/itinerary.ts';
import type { Job } from '../../scenario/job.ts';
import type { StoredData } from '../checkpoint/manifest.ts';
import type { Corpus } from '../data/corpus.ts';

/** Where the first step's weights come from. */
export type Origin =
  | { readonly kind: 'seed'; readonly seed: number }
  | { readonly kind: 'checkpoint'; readonly path: string }
  /** Weights in the format of Hugging Face; the moments begin at zero. */
  | { readonly kind: 'published'; readonly path: string };

/** Where checkpoints go, and what they say of the run. */
export interface Saving {
  readonly folder: string;
  /** Names the run, the same through all its restarts. */
  readonly run: string;
  /** The last so many are kept; null: all. */
  readonly keep: number | null;
  readonly data: StoredData;
}

/** Who multiplies: kernels of our own, a library of the machine where there is one, or the slow oracle. */
export const KERNELS = ['auto', 'wasm', 'native', 'reference'] as const;
export type KernelChoice = (typeof KERNELS)[number];

export interface TrainingOrder {
  readonly job: Job;
  readonly itinerary: Itinerary;
  readonly origin: Origin;
  readonly saving: Saving | null;
  readonly kernels: KernelChoice;
  /** True where somebody wants to know what takes how long. */
  readonly isTimed: boolean;
}

/** The same with what threads share instead of copying. */
export interface SharedOrder extends TrainingOrder {
  readonly corpus: Corpus;
}
