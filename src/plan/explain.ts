/** One layout by itself: what it takes, or why it cannot be. */
import type { Job, Offload } from '../scenario/job.ts';
import { SCHEDULES, ZERO_STAGES } from '../scenario/job.ts';
import type { Scenario } from '../scenario/scenario.ts';
import { bound } from '../sim/bound.ts';
import type { Fidelity } from '../sim/evaluation.ts';
import type { Evaluation } from '../sim/evaluation.ts';
import { folded } from '../sim/folded.ts';
import { full, UNDISTURBED } from '../sim/full.ts';
import { message } from '../sim/message.ts';
import type { ProfileCache } from '../sim/cache.ts';
import { profileCache } from '../sim/cache.ts';
import type { Point } from './enumerate.ts';
import { LAYOUT_AXES } from './edits.ts';
import { enumerate, jobAt } from './enumerate.ts';
import { candidateOf } from './outlook.ts';
import type { Candidate } from './plan.ts';
import { ruleAgainst } from './rules.ts';

const RUNGS: Readonly<Record<Fidelity, (job: Job, cache: ProfileCache) => Evaluation>> = {
  bound,
  folded,
  full: (job, cache) => full(job, UNDISTURBED, cache).evaluation,
  message: (job) => message(job).evaluation,
};

/** `cache` keeps profiles between jobs of one scenario. */
export const explain = (job: Job, fidelity: Fidelity, cache: ProfileCache = profileCache()): Candidate =>
  candidateOf(job, RUNGS[fidelity](job, cache));

/** Axes that a question about one layout may fix, as text: `tp=8`. */
export const FIXABLE = [...LAYOUT_AXES, 'contextKind', 'recompute', 'precision', 'offload', 'devices'] as const;
export type Fixed = Readonly<Partial<Record<(typeof FIXABLE)[number], string>>>;

const textOf = (point: Point, axis: (typeof FIXABLE)[number]): string => {
  if (axis === 'recompute') return point.recompute.kind;
  if (axis === 'precision') return point.precision;
  if (axis === 'offload') return offloadKind(point.offload);
  if (axis === 'devices') return String(point.devices);
  return String(point.layout[axis]);
};

/** What lies on the host, in a word. */
export const OFFLOADS = ['none', 'optimizer', 'activations', 'both'] as const;
const offloadKind = ({ optimizer, activations }: Offload): (typeof OFFLOADS)[number] => {
  if (optimizer === 'none') return activations === 0 ? 'none' : 'activations';
  return activations === 0 ? 'optimizer' : 'both';
};

const NUMBERS = ['tp', 'ep', 'etp', 'pp', 'vp', 'firstLayers', 'lastLayers', 'dp', 'replicas', 'microbatch'] as const;
/** What a free search tries in part only. */
const WHOLE = { schedule: SCHEDULES, zero: ZERO_STAGES, sequenceParallel: [false, true] } as const;

/** The scenario with the layout's fixed axes opened to the asked value, so that one a free search would not try can be asked about. */
const narrowed = (scenario: Scenario, fixed: Fixed): Scenario => {
  const asked = new Map<string, string>(Object.entries(fixed));
  // The ends of an even split are of no number of their own: `null` opens nothing.
  const isFixed = ([axis]: readonly [string, unknown]): boolean => (asked.get(axis) ?? 'null') !== 'null';
  const numbers = NUMBERS.map((axis) => [axis, [Number(fixed[axis])]] as const);
  const context = ['cp', [{ size: Number(fixed.cp), kind: null }]] as const;
  const opened = Object.fromEntries([...numbers, context, ...Object.entries(WHOLE)].filter(isFixed));
  return { ...scenario, layout: { ...scenario.layout, ...opened } };
};

/** Every job of a scenario that matches what is fixed, legal or not. */
export const matching = function* (scenario: Scenario, fixed: Fixed): Generator<Job> {
  const axes = FIXABLE.filter((axis) => fixed[axis] !== undefined);
  const open = narrowed(scenario, fixed);
  for (const point of enumerate(open))
    if (axes.every((axis) => textOf(point, axis) === fixed[axis])) yield jobAt(scenario, point);
};

/** The legal jobs of a scenario that match what is fixed. */
export const jobsOf = (scenario: Scenario, fixed: Fixed): readonly Job[] =>
  [...matching(scenario, fixed)].filter((job) => ruleAgainst(job) === null);

/** The rule that forbids what is fixed, or that nothing in the scenario matches it. */
export const whyNot = (scenario: Scenario, fixed: Fixed): string => {
  for (const job of matching(scenario, fixed)) {
    const rule = ruleAgainst(job);
    if (rule !== null) return rule;
  }
  const asked = Object.entries(fixed).map(([axis, value]) => `${axis}=${value}`);
  const grid = `the grid must multiply to ${scenario.devices.join(' or ')} devices`;
  return `no layout that this scenario allows has ${asked.join(', ')}; ${grid}`;
};
