/** What large jobs and clusters have published of their failures: the counts, and the rates that follow from them. */
import type { Figure } from './cluster.ts';

/**
 * The 419 unexpected interruptions of 54 days of Llama 3 405B on 16,384 H100 (Llama Team 2024, arXiv 2407.21783, table 5),
 * by what failed. `card`: faulty GPUs 148, HBM 72, SRAM 19, system processor 17, silent corruption 6, thermal 6. `node`:
 * host maintenance 32, NIC 7, SSD, power supply 3 each, chassis, I/O board, CPU, memory 2 each. `fabric`: switches and
 * cables. `software`: bugs 54, NCCL timeouts 7, dependencies 2.
 */
export const LLAMA_3 = {
  cards: 16_384,
  nodes: 2_048,
  days: 54,
  interruptions: { card: 268, node: 53, fabric: 35, software: 63 },
  /** "Higher than 90% effective training time", planned interruptions included. */
  effectiveTimeMin: 0.9,
} as const;

/** Of 1,000 days. */
const rate = (count: number, each: number): number => (1000 * count) / (each * LLAMA_3.days);

const counted = (what: keyof typeof LLAMA_3.interruptions, each: number, of: string): Figure<number> => ({
  value: rate(LLAMA_3.interruptions[what], each),
  from: 'calibrated',
  source: `${LLAMA_3.interruptions[what]} in 54 days of ${of} (Llama 3, arXiv 2407.21783, table 5)`,
});

export const LLAMA_3_RATES = {
  card: counted('card', LLAMA_3.cards, '16,384 H100'),
  node: counted('node', LLAMA_3.nodes, '2,048 nodes'),
  fabric: counted('fabric', LLAMA_3.nodes, '2,048 nodes'),
  software: counted('software', 1, 'one job'),
} as const;

/** Failures of 1,000 node-days that stop a job, cards and links of the node included, over 11 months. */
export const RSC_1_NODE_RATE: Figure<number> = {
  value: 6.5,
  from: 'calibrated',
  source: 'RSC-1, 16,000 A100 (Kokolis et al. 2024, arXiv 2410.21680)',
};

/** RSC-2, the sister of RSC-1 with 8,000 A100, from the same paper. */
export const RSC_2_FAILURES = 2.34;

/**
 * Hours between failures of jobs by their cards, from the same paper: measured up to 1,024 cards, where every event of the
 * infrastructure counts that ended a job, and projected from RSC-1's node rate beyond.
 */
export const RSC_1_MTTF: readonly { readonly cards: number; readonly hours: number; readonly isMeasured: boolean }[] = [
  { cards: 8, hours: 1144.8, isMeasured: true },
  { cards: 1024, hours: 7.9, isMeasured: true },
  { cards: 16_384, hours: 1.8, isMeasured: false },
  { cards: 131_072, hours: 0.23, isMeasured: false },
];

/** Two months of OPT-175B on 992 A100 (Zhang et al. 2022, arXiv 2205.01068, and the metaseq chronicles). */
export const OPT_175B = { cards: 992, nodes: 124, days: 60, hostsCycledMin: 100, restarts: 90 } as const;

/** BLOOM-176B on 384 A100: a card failed about once a week (BigScience chronicles, tr11-176B-ml). */
export const BLOOM_176B = { cards: 384, nodes: 48, days: 7, cardFailures: 1 } as const;
