/** What to write into a scenario so that it allows a job that it does not allow yet. */
import type { Job, Layout, Recompute } from '../scenario/job.ts';
import type { Axis, ContextRanks, LayoutSpace, Scenario } from '../scenario/scenario.ts';
import { totalRecord } from '../units/total-record.ts';
import type { Fix } from './plan.ts';

export const LAYOUT_AXES = [
  'tp',
  'cp',
  'ep',
  'etp',
  'pp',
  'vp',
  'firstLayers',
  'lastLayers',
  'dp',
  'replicas',
  'microbatch',
  'schedule',
  'zero',
  'sequenceParallel',
] as const satisfies readonly (keyof LayoutSpace)[];
/** Every axis left to the planner. */
export const FREE: LayoutSpace = totalRecord(LAYOUT_AXES, () => null);

/** The keys whose values exclude the job, in the order of a scenario. */
export const editsTowards = (job: Job, { cluster, devices, workload, layout, recompute }: Scenario): Fix['edits'] => [
  ...changed('cluster', [cluster.name], job.cluster.name),
  ...changed('devices', devices, job.devices),
  ...changed('workload.sequence', [workload.sequence], job.workload.sequence),
  ...changed('workload.globalBatch', [workload.globalBatch], job.workload.globalBatch),
  ...LAYOUT_AXES.flatMap((axis) => (axis === 'cp' ? [] : changed(`layout.${axis}`, layout[axis], job.layout[axis]))),
  ...(layout.cp === null || layout.cp.some((asked) => isContext(asked, job.layout)) ? [] : [contextEdit(job.layout)]),
  ...changed('recompute', recompute?.map(recomputeText) ?? null, recomputeText(job.recompute)),
];

const isContext = ({ size, kind }: ContextRanks, { cp, contextKind }: Layout): boolean =>
  size === cp && (kind === null || kind === contextKind || cp === 1);
const contextEdit = ({ cp, contextKind }: Layout): Fix['edits'][number] => ({
  key: 'layout.cp',
  value: cp === 1 ? '1' : `{size: ${cp}, kind: ${contextKind}}`,
});

const changed = (key: string, allowed: Axis<unknown>, value: unknown): Fix['edits'] =>
  allowed === null || allowed.includes(value) ? [] : [{ key, value: String(value) }];

/** As a scenario spells it. */
export const recomputeText = (recompute: Recompute): string => {
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
