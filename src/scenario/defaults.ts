/** What is meant wherever nobody says otherwise. */
import { ratio } from '../units/parse.ts';
import type { Bytes } from '../units/quantity.ts';
import { bytes } from '../units/quantity.ts';
import type { Figure } from './cluster.ts';
import type { Ratio } from '../units/quantity.ts';
import type { Precision, Software } from './job.ts';

export const PRECISION: Precision = 'bf16';
/** Tokens from which on a search that is not told otherwise splits sequences over context ranks. */
export const LONG_SEQUENCE = 16_384;

export const FRAMEWORK_MEMORY: Figure<Bytes> = {
  value: bytes(3 * 2 ** 30),
  from: 'assumed',
  source: 'CUDA context, library workspaces and NCCL buffers; training reports do not state it',
};

export const ALLOCATOR_OVERHEAD: Figure<Ratio> = {
  value: ratio(0.03),
  from: 'assumed',
  source: 'a caching allocator rounds blocks up and cannot use every gap; training reports do not state how much',
};

export const EXPERT_IMBALANCE: Figure<Ratio> = {
  value: ratio(1),
  from: 'assumed',
  source: 'auxiliary losses or biases balance the experts; published runs state no lasting imbalance',
};

/** What software takes and does on every card, apart from its kernels. */
export const SOFTWARE = {
  expertImbalance: EXPERT_IMBALANCE,
  expertCapacity: null,
  frameworkMemory: FRAMEWORK_MEMORY,
  allocatorOverhead: ALLOCATOR_OVERHEAD,
} as const satisfies Partial<Software>;
