/** What a row says of the memory of its fullest card, and which of our purposes that counts. */
import type { Purpose } from '../memory/purpose.ts';
import { PURPOSES } from '../memory/purpose.ts';
import type { Job } from '../scenario/job.ts';
import type { Filled } from './filled.ts';
import { assume } from './filled.ts';
import { habitsOf } from './framework.ts';
import { GIBI, GIGA, PERCENT } from './row-unit.ts';
import type { Row } from './row.ts';
import { measuredNumber } from './row.ts';

export interface MemoryOutcome {
  readonly bytes: number;
  /** The purposes that the source counts. */
  readonly purposes: readonly Purpose[];
}

const RESERVED = PURPOSES;
const ALLOCATED = PURPOSES.filter((purpose) => purpose !== 'framework' && purpose !== 'allocator');
const STATES: readonly Purpose[] = ['weights', 'gradients', 'optimizer'];

/** The first of these that a row has is what it is graded by. Null when the row has none. */
export const memoryOutcomeOf = (row: Row, job: Job): Filled<MemoryOutcome> | null => {
  for (const [field, read] of READERS) {
    const value = measuredNumber(row, field);
    if (value !== null && value > 0) return read(value, row, job);
  }
  return null;
};

export const hasMemoryOutcome = (row: Row): boolean => READERS.some(([field]) => (measuredNumber(row, field) ?? 0) > 0);

type Reader = (value: number, row: Row, job: Job) => Filled<MemoryOutcome>;

const READERS: readonly (readonly [field: string, read: Reader])[] = [
  ['mem_gib_allocated', (value) => allocated(value * GIBI)],
  [
    'mem_gb',
    (value, row) =>
      habitsOf(row).memory === 'allocated' || /allocated/.test(row.notes ?? '')
        ? allocated(value * GIGA)
        : reserved(value * GIGA),
  ],
  ['mem_pct', (value, _, job) => reserved(value * PERCENT * job.cluster.accelerator.memory.value)],
  [
    'mem_params_optimizer_gib',
    (value, row) => {
      const activations = measuredNumber(row, 'mem_activations_gib') ?? 0;
      return assume(
        { bytes: (value + activations) * GIBI, purposes: activations === 0 ? STATES : [...STATES, 'activations'] },
        'memory: weights, gradients, optimizer states and activations alone',
      );
    },
  ],
  [
    'activation_mem_pct_of_norecompute',
    (value, _, job) =>
      assume(
        { bytes: value * PERCENT * activationsWithoutRecompute(job), purposes: ['activations'] },
        'memory: activations alone, as a share of what the paper’s formula gives without recomputation',
      ),
  ],
];

const allocated = (bytes: number): Filled<MemoryOutcome> =>
  assume({ bytes, purposes: ALLOCATED }, 'memory: allocated tensors, without framework and allocator');
const reserved = (bytes: number): Filled<MemoryOutcome> =>
  assume({ bytes, purposes: RESERVED }, 'memory: reserved, framework and allocator included');

/**
 * Korthikanti et al. 2022, equations 2 and section 4.2.3: s b h L (10 + 24/t + 5 a s / (h t)) bytes on the first of p
 * stages under 1F1B, times 1 + (p-1)/(p m) with m model chunks a rank; s sequence, b microbatch, h hidden, L layers,
 * a heads, t tensor ranks.
 */
const activationsWithoutRecompute = ({ model, workload, layout }: Job): number => {
  const { hidden, layers, heads } = model;
  const { tp, pp, vp, microbatch } = layout;
  const perLayer = 10 + 24 / tp + (5 * heads * workload.sequence) / (hidden * tp);
  const interleaving = vp > 1 ? 1 + (pp - 1) / (pp * vp) : 1;
  return workload.sequence * microbatch * hidden * layers * perLayer * interleaving;
};
