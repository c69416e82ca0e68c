/** Nothing fits: which constraint binds, by how much and where, and three changes after which something does. */
import type { Scenario } from '../scenario/scenario.ts';
import { bound } from '../sim/bound.ts';
import type { ProfileCache } from '../sim/cache.ts';
import { profileCache } from '../sim/cache.ts';
import { formatBytes } from '../units/format.ts';
import { bytes } from '../units/quantity.ts';
import { editsTowards } from './edits.ts';
import { jobAt } from './enumerate.ts';
import type { Findings, SearchOptions } from './findings.ts';
import { findingsOf } from './findings.ts';
import { candidateOf } from './outlook.ts';
import type { Candidate, Fix, Infeasible, Outlook, SearchCounts } from './plan.ts';
import { holdsStates, remedies } from './remedies.ts';
import { shortLayout } from './short-layout.ts';
import { memoryLimit } from './task.ts';

const FIXES = 3;

export const infeasible = async (
  scenario: Scenario,
  findings: Findings,
  options: SearchOptions,
): Promise<Infeasible> => ({
  kind: 'infeasible',
  scenario,
  binding: bindingOf(scenario, findings),
  fixes: await fixesOf(scenario, options),
  counts: findings.counts,
});

export const bindingOf = (scenario: Scenario, { tooLarge, rules, counts }: Findings): Infeasible['binding'] => {
  const leanest = leanestOf(scenario, tooLarge);
  if (leanest === null) return ruleBinding(scenario, rules, counts);
  const limit = memoryLimit(scenario);
  const { job, memory } = leanest;
  const { stage, peak, capacity } = memory;
  return {
    job,
    verdict: { kind: 'memory', stage, peak, limit },
    text:
      `memory: even the leanest layout (${shortLayout(job)}) needs ${formatBytes(peak)} on every rank of stage ${stage}, ` +
      `${formatBytes(bytes(peak - limit))} more than the ${formatBytes(limit)} that a margin of ` +
      `${(scenario.memoryMargin * 100).toFixed(0)}% leaves of ${formatBytes(capacity)}`,
  };
};

/** Of a layout at least its verdict's peak is needed: the ones of which that is more than the leanest needs need no look. */
const leanestOf = (scenario: Scenario, tooLarge: Findings['tooLarge']): Leanest | null => {
  const cache: ProfileCache = profileCache();
  let leanest: Leanest | null = null;
  for (const { point, verdict } of tooLarge) {
    if (leanest !== null && verdict.peak >= leanest.memory.peak) break;
    const job = jobAt(scenario, point);
    const { memory } = candidateOf(job, bound(job, cache)).outlook;
    if (leanest === null || memory.peak < leanest.memory.peak) leanest = { job, memory };
  }
  return leanest;
};
type Leanest = Pick<Candidate, 'job'> & Pick<Outlook, 'memory'>;

const ruleBinding = (
  { devices, workload }: Scenario,
  rules: Findings['rules'],
  { considered }: SearchCounts,
): Infeasible['binding'] => {
  const [commonest] = [...rules].toSorted(([, a], [, b]) => b - a);
  if (commonest === undefined) {
    const rule =
      `no tensor, pipeline and data ranks multiply to ${devices.join(' or ')} devices and leave every data rank ` +
      `a sequence of the batch of ${workload.globalBatch}`;
    return { job: null, verdict: { kind: 'rule', rule }, text: `no legal layout: ${rule}` };
  }
  const [rule, count] = commonest;
  const share = rules.size === 1 ? '' : ` (this forbids ${count} of ${considered} layouts, its like the rest)`;
  return { job: null, verdict: { kind: 'rule', rule }, text: `no legal layout: ${rule}${share}` };
};

/** Tries remedies, the least change first, until three of different kinds have led to a plan. */
const fixesOf = async (scenario: Scenario, options: SearchOptions): Promise<readonly Fix[]> => {
  const fixes: Fix[] = [];
  const found = new Set<string>();
  for (const remedy of remedies(scenario, options.alternatives)) {
    if (fixes.length === FIXES || options.isInterrupted()) break;
    if (found.has(remedy.kind) || !holdsStates(remedy.scenario)) continue;
    const outcome = await firstFit(remedy.scenario, options);
    if (outcome === null) continue;
    found.add(remedy.kind);
    const edits = editsTowards(outcome.job, scenario);
    if (!fixes.some((fix) => isWithin(fix.edits, edits))) fixes.push({ edits, outcome });
  }
  return fixes;
};

/** Who can do with these cards, devices or sequences needs no fix that asks for more of the scenario, whatever its layout. */
const isWithin = (few: Fix['edits'], many: Fix['edits']): boolean => {
  const outer = few.filter(({ key }) => !key.startsWith('layout.') && key !== 'recompute');
  const asked = outer.length === 0 ? few : outer;
  return asked.every(({ key, value }) => many.some((edit) => edit.key === key && edit.value === value));
};

const firstFit = async (scenario: Scenario, options: SearchOptions): Promise<Candidate | null> => {
  const { candidates } = await findingsOf(scenario, { ...options, onProgress: () => undefined }, 'any');
  return candidates[0] ?? null;
};
