/** The one layout of a scenario that is to be run or followed: which it is, or everything that keeps it from being one. */
import type { Finding } from '../scenario/complaint.ts';
import type { Job, Layout } from '../scenario/job.ts';
import { CONTEXT_KINDS, SCHEDULES, ZERO_STAGES } from '../scenario/job.ts';
import type { Scenario } from '../scenario/scenario.ts';
import type { ProfileCache } from '../sim/cache.ts';
import { profileCache } from '../sim/cache.ts';
import { LAYOUT_AXES, recomputeText } from './edits.ts';
import { explain, matching, whyNot } from './explain.ts';
import type { Candidate } from './plan.ts';
import { ruleAgainst, rulesAgainst } from './rules.ts';

export type OnlyJob =
  | { readonly kind: 'job'; readonly job: Job }
  /** The scenario leaves open which of `count` layouts is meant. */
  | { readonly kind: 'several'; readonly count: number; readonly findings: readonly Finding[] }
  | { readonly kind: 'none'; readonly findings: readonly Finding[] };

export const onlyJob = (scenario: Scenario): OnlyJob => {
  const all = [...matching(scenario, {})];
  const legal = all.filter((job) => ruleAgainst(job) === null);
  const [job] = legal;
  if (job === undefined) return { kind: 'none', findings: brokenRules(scenario, all) };
  if (legal.length === 1) return { kind: 'job', job };
  return { kind: 'several', count: legal.length, findings: freeAxes(legal) };
};

/** Of many layouts that cannot be, the one that breaks the fewest rules is the likeliest to have been meant. */
const brokenRules = (scenario: Scenario, jobs: readonly Job[]): readonly Finding[] => {
  const [nearest] = jobs.toSorted((a, b) => rulesAgainst(a).length - rulesAgainst(b).length);
  if (nearest === undefined) return [{ path: 'layout', message: whyNot(scenario, {}), suggestion: null }];
  return rulesAgainst(nearest).map((broken) => ({ ...broken, suggestion: nearestValue(nearest, broken.path) }));
};

/** Another value of the key with which no rule is broken, or else none under that key. */
const nearestValue = (job: Job, path: string): string | null => {
  if (path === 'recompute') return 'none';
  const axis = TRIED.find((name) => path === `layout.${name}`);
  if (axis === undefined) return null;
  const others = valuesOf(axis, job).map((value) => ({ value, changed: withValue(job, axis, value) }));
  const found =
    others.find(({ changed }) => ruleAgainst(changed) === null) ??
    others.find(({ changed }) => rulesAgainst(changed).every((broken) => broken.path !== path));
  return found === undefined ? null : String(found.value);
};

const TRIED = ['dp', 'tp', 'sequenceParallel', 'cp', 'ep', 'pp', 'microbatch', 'schedule', 'zero'] as const;
type Tried = (typeof TRIED)[number];

/** All but the present one, the nearest first. */
const valuesOf = (axis: Tried, { layout, devices, workload }: Job): readonly (string | number | boolean)[] => {
  if (axis === 'schedule') return ['1f1b', ...SCHEDULES].filter((name) => name !== layout.schedule);
  if (axis === 'sequenceParallel') return [!layout.sequenceParallel];
  const present = layout[axis];
  const most = axis === 'microbatch' ? workload.globalBatch : devices;
  const numbers = axis === 'zero' ? ZERO_STAGES : Array.from({ length: Math.min(most, MOST) }, (_, index) => index + 1);
  return numbers.filter((value) => value !== present).toSorted((a, b) => Math.abs(a - present) - Math.abs(b - present));
};
const MOST = 1_024;

/** With what the other axes of the grid leave as the number of data ranks. */
const withValue = (job: Job, axis: Tried, value: string | number | boolean): Job => {
  const layout: Layout = { ...job.layout, [axis]: value };
  const dp = axis === 'dp' ? layout.dp : job.devices / (layout.tp * layout.cp * layout.pp);
  return { ...job, layout: { ...layout, dp, contextKind: layout.cp === 1 ? CONTEXT_KINDS[0] : layout.contextKind } };
};

/** Each axis on which the layouts differ, with its value in the best of them. */
const freeAxes = (jobs: readonly Job[]): readonly Finding[] => {
  const best = bestOf(jobs.slice(0, LOOKED_AT));
  return AXES.flatMap(({ path, text }) => {
    const values = [...new Set(jobs.map(text))];
    if (values.length === 1) return [];
    const more = values.length > SHOWN ? ', ...' : '';
    const message = `is left open, ${values.slice(0, SHOWN).join(', ')}${more}; wanted one value`;
    return [{ path, message, suggestion: text(best) }];
  });
};
const SHOWN = 8;
/** Of many layouts the first stand for all: a bound takes milliseconds each. */
const LOOKED_AT = 256;

const AXES: readonly { readonly path: string; readonly text: (job: Job) => string }[] = [
  { path: 'devices', text: ({ devices }) => String(devices) },
  ...LAYOUT_AXES.map((axis) => ({
    path: `layout.${axis}`,
    text: ({ layout }: Job) =>
      axis === 'cp' && layout.cp > 1 ? `{size: ${layout.cp}, kind: ${layout.contextKind}}` : String(layout[axis]),
  })),
  { path: 'precision', text: ({ precision }) => precision },
  { path: 'recompute', text: ({ recompute }) => recomputeText(recompute) },
  {
    path: 'memory.offload',
    text: ({ offload }) => `{optimizer: ${offload.optimizer}, activations: ${offload.activations}}`,
  },
];

/** By their bounds: the fastest that fits, or the one that comes nearest to it. */
const bestOf = (jobs: readonly Job[]): Job => {
  const cache: ProfileCache = profileCache();
  const bounds = jobs.map((job) => explain(job, 'bound', cache));
  return bounds.reduce((best, one) => (isBetter(one, best) ? one : best)).job;
};
const isBetter = (a: Candidate, b: Candidate): boolean => {
  const [over, most] = [overflow(a), overflow(b)];
  return over === most ? a.evaluation.step < b.evaluation.step : over < most;
};
const overflow = ({ outlook }: Candidate): number => Math.max(0, -outlook.memory.headroom);
