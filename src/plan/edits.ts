/** What to write into a scenario so that it allows a job that it does not allow yet. */
import type { Job, Recompute } from '../scenario/job.ts';
import type { Axis, Scenario } from '../scenario/scenario.ts';
import type { Fix } from './plan.ts';

export const LAYOUT_AXES = ['tp', 'pp', 'vp', 'dp', 'microbatch', 'schedule', 'zero', 'sequenceParallel'] as const;

/** The keys whose values exclude the job, in the order of a scenario. */
export const editsTowards = (job: Job, { cluster, devices, workload, layout, recompute }: Scenario): Fix['edits'] => [
  ...changed('cluster', [cluster.name], job.cluster.name),
  ...changed('devices', devices, job.devices),
  ...changed('workload.sequence', [workload.sequence], job.workload.sequence),
  ...changed('workload.globalBatch', [workload.globalBatch], job.workload.globalBatch),
  ...LAYOUT_AXES.flatMap((axis) => changed(`layout.${axis}`, layout[axis], job.layout[axis])),
  ...changed('recompute', recompute?.map(recomputeText) ?? null, recomputeText(job.recompute)),
];

const changed = (key: string, allowed: Axis<unknown>, value: unknown): Fix['edits'] =>
  allowed === null || allowed.includes(value) ? [] : [{ key, value: String(value) }];

/** As a scenario spells it. */
const recomputeText = (recompute: Recompute): string => {
  switch (recompute.kind) {
    case 'none':
      return 'none';
    case 'selective':
      return `{selective: [${recompute.modules.join(', ')}]}`;
    case 'full':
      return recompute.layers === 'all' ? 'full' : `{full: ${recompute.layers}}`;
    default:
      return recompute satisfies never;
  }
};
