/** Jobs on links that push whole bytes a nanosecond: nothing is left to round, as long as shards are even. */
import type { Job } from '../../src/scenario/job.ts';
import type { Model } from '../../src/scenario/model.ts';
import type { JobParts } from './job-case.ts';
import { exchangesEvenly, fitsDomains, legalJobs } from './job-case.ts';
import { figure } from './jobs.ts';

export const wholeLinks = {
  scaleUp: { bandwidth: figure(4e9), efficiency: figure(1), latency: figure(2e-6) },
  nic: { bandwidth: figure(1e9), efficiency: figure(1), latency: figure(5e-6) },
} satisfies JobParts['cluster'];

/** No tensor rank has more to do than the others. Learned positions are added by the first one alone. */
export const ROTARY = { position: 'rope', positions: 0 } as const;

/** Every legal layout of so many ranks. */
export const roundJobs = (devices: number, model: Partial<Model>): readonly Job[] =>
  [2, 4].flatMap((scaleUpDomain) => {
    const cluster = { ...wholeLinks, scaleUpDomain, devicesPerNode: scaleUpDomain };
    const recompute = { kind: 'full', layers: 1 } as const;
    const parts = { model, cluster, recompute, workload: { globalBatch: devices } };
    return legalJobs(devices, parts).filter((one) => fitsDomains(one) && exchangesEvenly(one));
  });
