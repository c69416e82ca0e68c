/** What is meant wherever nobody says otherwise. */
import { ratio } from '../units/parse.ts';
import type { Bytes } from '../units/quantity.ts';
import { bytes } from '../units/quantity.ts';
import type { Figure } from './cluster.ts';
import type { Ratio } from '../units/quantity.ts';
import type { Precision } from './job.ts';

export const PRECISION: Precision = 'bf16';

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
