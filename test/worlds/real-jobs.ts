/** Small jobs that are really trained: every kind of layout, models of each family with every dimension as small as can be. */
import fc from 'fast-check';
import { ruleAgainst } from '../../src/plan/rules.ts';
import type { Job } from '../../src/scenario/job.ts';
import { PLAIN_LAYOUT } from '../../src/scenario/job.ts';
import type { Model } from '../../src/scenario/model.ts';
import { DEFAULT_TRAINING } from '../../src/scenario/training.ts';
import { anyJobOf } from './job-case.ts';
import { tinyJob } from './jobs.ts';

const small: Partial<Model> = {
  hidden: 32,
  heads: 8,
  kvHeads: 8,
  headDim: 4,
  ffn: 48,
  // No multiple of what it is padded to on several ranks.
  vocabulary: 70,
  positions: 32,
  dropout: false,
};
const NO_BIAS = { qkv: false, attentionOut: false, mlp: false, head: false };

/** A GPT as of 2019, with and without a tied head, and a Llama with grouped queries. */
export const REAL_FAMILIES: Readonly<Record<string, Partial<Model>>> = {
  gpt: { ...small, tied: true },
  'gpt, untied': { ...small, tied: false, activation: 'relu' },
  llama: {
    ...small,
    kvHeads: 4,
    gated: true,
    activation: 'silu',
    norm: 'rmsnorm',
    position: 'rope',
    positions: 0,
    bias: NO_BIAS,
    tied: false,
  },
};

/** Gradients as they are: a step of plain descent shows every one of them in the weights. */
const training = {
  ...DEFAULT_TRAINING,
  optimizer: 'sgd',
  learningRate: 0.5,
  minimumLearningRate: 0.5,
  warmup: 0,
  decay: 'constant',
  clip: 1,
} as const;

/** The job with another model of as many layers, at sizes that take no time. */
export const smallJob = ({ layout, recompute, software, workload, model }: Job, family: Partial<Model>): Job =>
  tinyJob({
    layout: { ...layout, ep: 1, etp: 1 },
    model: { ...family, layers: model.layers },
    workload: { sequence: 16, globalBatch: workload.globalBatch },
    precision: 'fp32',
    recompute,
    software: { ...software, attention: 'flash', expertCapacity: null },
    training,
  });

/** A random job of so many ranks that an engine would start. */
export const anyRealJob = (devices: number): fc.Arbitrary<Job> =>
  fc
    .record({ job: anyJobOf(devices), family: fc.constantFrom(...Object.values(REAL_FAMILIES)) })
    .map(({ job, family }) => smallJob(job, family))
    .filter((job) => ruleAgainst(job) === null);

/** The same on one rank: one microbatch at a time, nothing computed again. */
export const onOneRank = (job: Job): Job => ({
  ...job,
  devices: 1,
  recompute: { kind: 'none' },
  layout: {
    ...PLAIN_LAYOUT,
    tp: 1,
    pp: 1,
    vp: 1,
    dp: 1,
    microbatch: job.layout.microbatch,
    schedule: '1f1b',
    zero: 0,
    sequenceParallel: false,
  },
});
