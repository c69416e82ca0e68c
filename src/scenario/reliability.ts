/** How often a job is interrupted, what happens then, and how its state is saved: what a run of weeks depends on. */
import type { Bytes, BytesPerSecond, Seconds } from '../units/quantity.ts';
import { bytes, bytesPerSecond, seconds } from '../units/quantity.ts';
import type { Cluster, Figure } from './cluster.ts';
import type { Model } from './model.ts';
import { parameterCount } from './parameters.ts';
import { LLAMA_3_RATES, RSC_1_NODE_RATE } from './published-failures.ts';

/** What fails: a card; the rest of a node; the switches and cables that serve a node; the job's own software. */
export const COMPONENTS = ['card', 'node', 'fabric', 'software'] as const;
export type Component = (typeof COMPONENTS)[number];

/** Failures that stop the job in 1,000 days of one card, of one node, of one node's share of the fabric, of the job. */
export type FailureRates = Readonly<Record<Component, Figure<number>>>;

export const CHECKPOINT_KINDS = ['sync', 'async', 'two-stage'] as const;

/**
 * How a checkpoint is taken. `sync`: training stands still until storage has it. `async`: until the host has it; storage
 * has it later. `two-stage`: the host's memory (and its neighbour's) keeps it, and every so many go to storage as well.
 */
export type CheckpointWay =
  | { readonly kind: 'sync' | 'async' }
  | {
      readonly kind: 'two-stage';
      /** Checkpoints from one that goes to storage to the next. */
      readonly storageEvery: number;
      /** `own`: lost with its node. `neighbour`: another node has a copy, and any one node may be lost. */
      readonly copies: 'own' | 'neighbour';
    };

export interface CheckpointPlan {
  readonly way: CheckpointWay;
  /** From one to the next; null: whichever is best. */
  readonly every: Seconds | null;
  /** Of the whole job. */
  readonly size: Figure<Bytes>;
  /** Of each node, when all of them write at once. */
  readonly storage: Figure<BytesPerSecond>;
}

export interface Reliability {
  readonly failures: FailureRates;
  /** Of the gaps between failures, which are drawn from a Weibull distribution: 1 is a Poisson process. */
  readonly shape: Figure<number>;
  /** From a failure to the moment when the job knows of it. */
  readonly detection: Figure<Seconds>;
  /** From there, with all its nodes at hand, until it trains again: processes, communicators and state. */
  readonly restart: Figure<Seconds>;
  /** In addition, where a spare node takes the place of another. */
  readonly swap: Figure<Seconds>;
  /** Until a node that failed is a spare again. */
  readonly repair: Figure<Seconds>;
  /** Nodes that wait for a failure, paid for all the while; null: a hundredth of the job's, rounded up. */
  readonly spares: number | null;
  /** Where none is left: wait for a repair, or go on with fewer data ranks until there is one. */
  readonly withoutSpare: 'wait' | 'shrink';
  readonly checkpoint: CheckpointPlan;
  /** Lives of the job that are drawn; percentiles are over them. */
  readonly seeds: number;
}

/** Where nobody says: published rates of the card's kind, and what large jobs report of their recoveries. */
export const defaultReliability = ({ card, parameters }: Known): Reliability => ({
  failures: ratesFor(card),
  shape: { value: 1, from: 'assumed', source: 'failures come independently: a Poisson process' },
  detection: {
    value: seconds(300),
    from: 'assumed',
    source: 'health checks run every 5 minutes (Kokolis et al. 2024, arXiv 2410.21680)',
  },
  restart: {
    value: seconds(600),
    from: 'assumed',
    source: 'between 5 and 20 minutes (Kokolis et al. 2024, arXiv 2410.21680)',
  },
  swap: { value: seconds(120), from: 'assumed', source: 'a spare that is up and checked takes minutes' },
  repair: { value: seconds(86_400), from: 'assumed', source: 'a day to drain, test and repair a node' },
  spares: null,
  withoutSpare: 'wait',
  checkpoint: {
    way: { kind: 'async' },
    every: null,
    size: {
      value: bytes(BYTES_A_PARAMETER * parameters),
      from: 'calibrated',
      source:
        '13 bytes a parameter: 12.8 to 13.1 of Llama 3.1 and Nemotron-4 (NVIDIA DGX Cloud Benchmarking), ' +
        '13.1 of BLOOM (BigScience chronicles), 13.7 of a trillion parameters (Narayanan et al. 2021)',
    },
    storage: {
      value: bytesPerSecond(1e9),
      from: 'calibrated',
      source:
        '1.2 GB/s a node of BLOOM (48 nodes), 0.7 of Narayanan et al. 2021 (384 nodes), ' +
        '1.0 of Llama 3 (2 TB/s sustained, arXiv 2407.21783)',
    },
  },
  seeds: 100,
});
const BYTES_A_PARAMETER = 13;

/** What the defaults depend on. */
interface Known {
  readonly card: string;
  readonly parameters: number;
}
export const knownOf = (model: Model, { accelerator }: Cluster): Known => ({
  card: accelerator.name,
  parameters: parameterCount(model),
});

/** By the kind of card whose failures somebody has counted; other cards are taken for the newest of these. */
const ratesFor = (card: string): FailureRates => {
  if (/\bA[18]00\b/u.test(card)) return A100_RATES;
  return /\b(?:G?H[128]00|H20)\b/u.test(card) ? LLAMA_3_RATES : OTHER_RATES;
};

/** The node's rate counts its cards and its links; bugs stop a job of any card alike. */
const A100_RATES: FailureRates = {
  card: { value: 0, from: 'calibrated', source: 'counted with the node' },
  node: RSC_1_NODE_RATE,
  fabric: { value: 0, from: 'calibrated', source: 'counted with the node' },
  software: { ...LLAMA_3_RATES.software, from: 'assumed' },
};

const assumed = (figure: Figure<number>): Figure<number> => ({
  ...figure,
  from: 'assumed',
  source: `no rate of this card is published: that of H100s, ${figure.source}`,
});
const OTHER_RATES: FailureRates = {
  card: assumed(LLAMA_3_RATES.card),
  node: assumed(LLAMA_3_RATES.node),
  fabric: assumed(LLAMA_3_RATES.fabric),
  software: assumed(LLAMA_3_RATES.software),
};
