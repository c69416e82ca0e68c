/** Small mixtures of experts that are really trained, on layouts that spread their experts. */
import fc from 'fast-check';
import { ruleAgainst } from '../../src/plan/rules.ts';
import type { Job, Layout } from '../../src/scenario/job.ts';
import type { Model } from '../../src/scenario/model.ts';
import { positions } from './collective-case.ts';
import { mixtureModel } from './families.ts';
import { anyJobOf } from './job-case.ts';
import { tinyJob, tinySoftware } from './jobs.ts';
import { REAL_FAMILIES, smallJob } from './real-jobs.ts';

/** Eight experts beside a shared one, in all layers but the first if there are more. */
const mixtureOf = (layers: number): Partial<Model> => ({
  ...REAL_FAMILIES['llama'],
  ...mixtureModel({ ffn: 16, sharedFfn: 16, layers: positions(layers).map((layer) => layer > 0 || layers === 1) }),
});
/** Heavier than anybody would make it, so that a wrong share of it shows. */
const AUXILIARY = 0.1;
/** Some tokens are dropped. */
export const CAPACITY = 0.8;

const mixtureJob = (job: Job, expertCapacity: number | null): Job => {
  const small = smallJob(job, mixtureOf(job.model.layers));
  return {
    ...small,
    layout: job.layout,
    software: { ...small.software, expertCapacity },
    training: { ...small.training, auxiliaryLoss: AUXILIARY },
  };
};

/** A mixture of two layers on that layout; dropless without a capacity. */
export const mixtureOn = (layout: Partial<Layout>, expertCapacity: number | null = null): Job => {
  const asked = { layout, model: { layers: 2 }, workload: { globalBatch: 8 }, software: tinySoftware };
  return mixtureJob(tinyJob(asked), expertCapacity);
};

/** A random job of so many ranks that share experts, or split each of them. */
export const anyMixtureJob = (devices: number): fc.Arbitrary<Job> =>
  fc
    .tuple(anyJobOf(devices), fc.constantFrom(null, CAPACITY))
    .map(([job, capacity]) => mixtureJob(job, capacity))
    .filter((job) => ruleAgainst(job) === null && job.layout.ep * job.layout.etp > 1);

const split = { sequenceParallel: true } as const;
export const MIXTURE_LAYOUTS: Readonly<Record<string, Partial<Layout>>> = {
  'expert ranks': { dp: 4, ep: 4 },
  'tensor ranks with the sequence split': { tp: 2, ep: 2, ...split },
  'context ranks in a ring': { cp: 2, ep: 2 },
  "an expert's own tensor ranks": { tp: 2, dp: 2, ep: 2, etp: 2, ...split },
  'everything at once': { tp: 2, cp: 2, pp: 2, dp: 2, ep: 4, zero: 1, microbatch: 2, ...split },
  'sharded weights': { dp: 4, ep: 2, zero: 3 },
};
