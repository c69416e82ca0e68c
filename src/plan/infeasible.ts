/** Nothing fits: which constraint binds, by how much and where, and three changes after which something does. */
import type { Scenario } from '../scenario/scenario.ts';
import { bound } from '../sim/bound.ts';
import { formatBytes } from '../units/format.ts';
import { bytes } from '../units/quantity.ts';
import { jobAt } from './enumerate.ts';
import { remedies } from './remedies.ts';
import type { Remedy } from './remedies.ts';
import { candidateOf } from './outlook.ts';
import type { Fix, Infeasible } from './plan.ts';
import type { Findings, SearchOptions } from './findings.ts';
import { findingsOf } from './findings.ts';
import { shortLayout } from './short-layout.ts';
import { memoryLimit } from './task.ts';

const FIXES = 3;
/** Layouts, smallest by their sketch, whose memory is computed exactly to find the one that comes nearest. */
const NEAREST = 64;

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

const bindingOf = (scenario: Scenario, { tooLarge, rules }: Findings): Infeasible['binding'] => {
  if (tooLarge.length === 0) return ruleBinding(scenario, rules);
  const limit = memoryLimit(scenario);
  const nearest = tooLarge
    .slice(0, NEAREST)
    .map(({ point }) => jobAt(scenario, point))
    .map((job) => ({ job, memory: candidateOf(job, bound(job)).outlook.memory }))
    .reduce((least, next) => (next.memory.peak < least.memory.peak ? next : least));
  const { job, memory } = nearest;
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

const ruleBinding = (scenario: Scenario, rules: ReadonlyMap<string, number>): Infeasible['binding'] => {
  const [first, ...others] = [...rules].toSorted(([, a], [, b]) => b - a);
  const rule =
    first === undefined
      ? `no grid of tensor, pipeline and data ranks multiplies to ${scenario.devices.join(' or ')} devices`
      : first[0];
  const more = others.length === 0 ? '' : `; ${others.length} other rules forbid the rest`;
  return { job: null, verdict: { kind: 'rule', rule }, text: `no legal layout: ${rule}${more}` };
};

/** Tries remedies, the least change first, until three of different kinds have led to a plan. */
const fixesOf = async (scenario: Scenario, options: SearchOptions): Promise<readonly Fix[]> => {
  const fixes: Fix[] = [];
  const found = new Set<string>();
  for (const remedy of remedies(scenario, options.alternatives)) {
    if (fixes.length === FIXES || options.isInterrupted()) break;
    if (found.has(remedy.kind)) continue;
    const fix = await tried(remedy, options);
    if (fix === null) continue;
    found.add(remedy.kind);
    fixes.push(fix);
  }
  return fixes;
};

const tried = async ({ scenario, editsOf }: Remedy, options: SearchOptions): Promise<Fix | null> => {
  const quiet = { ...options, onProgress: () => undefined };
  const { candidates } = await findingsOf(scenario, quiet, 'any');
  const [outcome] = candidates;
  return outcome === undefined ? null : { edits: editsOf(outcome.job), outcome };
};
