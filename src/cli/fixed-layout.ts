/** One layout term by term: what `simulate` does, and `plan --explain`. */
import { distance } from 'fastest-levenshtein';
import type { Fixed } from '../plan/explain.ts';
import { explain, FIXABLE, jobsOf, OFFLOADS, whyNot } from '../plan/explain.ts';
import type { Disturbance } from '../plan/disturbance.ts';
import { disturb, strangeConditions } from '../plan/disturbance.ts';
import { candidateOf } from '../plan/outlook.ts';
import type { Candidate } from '../plan/plan.ts';
import { jsonText } from '../report/json.ts';
import { simulationText } from '../report/plan-text.ts';
import { simulateJson } from '../report/simulate-json.ts';
import { ASSUMED_FABRIC, isCalm } from '../scenario/conditions.ts';
import type { Job } from '../scenario/job.ts';
import { CONTEXT_KINDS, PRECISIONS, SCHEDULES, ZERO_STAGES } from '../scenario/job.ts';
import type { Scenario } from '../scenario/scenario.ts';
import type { Fidelity } from '../sim/evaluation.ts';
import type { ProfileCache } from '../sim/cache.ts';
import { profileCache } from '../sim/cache.ts';
import { NoWay } from '../sim/network/network-wires.ts';
import { paintFor } from './colours.ts';
import { EXIT, Refusal } from './exit.ts';
import { shippedBands } from './files.ts';
import type { Io } from './io.ts';

/** `tp=8,pp=16`; `flag` is where it stood. */
export const fixedAxes = (text: string, flag = '--explain'): Fixed => {
  const entries = text.split(',').map((entry) => fixedAxis(entry, flag));
  const twice = entries.find(([axis], index) => entries.findIndex(([other]) => other === axis) !== index);
  if (twice === undefined) return Object.fromEntries(entries);
  throw new Refusal(EXIT.usage, `error: ${flag} ${text}: ${twice[0]} stands there twice; wanted one layout`);
};

type FixableAxis = (typeof FIXABLE)[number];

const fixedAxis = (entry: string, flag: string): readonly [FixableAxis, string] => {
  const [key = '', value = '', ...more] = entry.split('=');
  const axis = FIXABLE.find((known) => known === key);
  if (axis === undefined || value === '' || more.length > 0) {
    const nearest = FIXABLE.toSorted((a, b) => distance(a, key) - distance(b, key))[0] ?? 'tp';
    const wanted = `wanted axis=value, the axis one of ${FIXABLE.join(' ')} (did you mean ${nearest}?)`;
    throw new Refusal(EXIT.usage, `error: ${flag} ${entry}: ${wanted}`);
  }
  const names = NAMES[axis];
  const least = FROM_ZERO.includes(axis) ? 0 : 1;
  const isNumber = /^(?:0|[1-9]\d*)$/u.test(value) && Number(value) >= least;
  if (names === undefined ? isNumber : names.includes(value)) return [axis, value];
  const wanted = names === undefined ? `a whole number of at least ${least}` : `one of ${names.join(', ')}`;
  throw new Refusal(EXIT.usage, `error: ${flag} ${entry}: ${value} is not ${wanted}`);
};

const FROM_ZERO: readonly FixableAxis[] = ['firstLayers', 'lastLayers'];

/** The values of the axes that have names; the others are whole numbers. */
const NAMES: Readonly<Partial<Record<FixableAxis, readonly string[]>>> = {
  schedule: SCHEDULES,
  zero: ZERO_STAGES.map(String),
  sequenceParallel: ['true', 'false'],
  recompute: ['none', 'selective', 'full'],
  precision: PRECISIONS,
  contextKind: CONTEXT_KINDS,
  offload: OFFLOADS,
};

interface Asked {
  readonly axes: Fixed;
  /** Null: what the question asks for. */
  readonly fidelity: Fidelity | null;
  readonly options: { readonly json?: boolean; readonly sources?: boolean };
  readonly io: Io;
}

/** Prints the layout that the axes fix; the best, should the scenario allow several. */
export const simulateFixed = (scenario: Scenario, { axes, fidelity, options, io }: Asked): number => {
  const jobs = jobsOf(scenario, axes);
  if (jobs.length === 0) {
    io.stderr.write(`${whyNot(scenario, axes)}\n`);
    return EXIT.infeasible;
  }
  const rung = fidelity ?? (isCalm(scenario.conditions) ? 'folded' : 'full');
  const { candidate, disturbed } =
    rung === 'full' ? everyRank(scenario, jobs) : { candidate: bestOf(jobs, rung), disturbed: null };
  const matching = jobs.length;
  const { title, memoryMargin: margin } = scenario;
  const bands = shippedBands();
  const shown = { title, margin, bands, matching, disturbed, paint: paintFor(io), sources: options.sources === true };
  io.stdout.write(
    options.json === true
      ? jsonText(simulateJson(candidate, { title, matching, bands, disturbed }))
      : simulationText(candidate, shown),
  );
  return candidate.outlook.memory.headroom >= 0 ? EXIT.ok : EXIT.infeasible;
};

/** The best layout by a look at one rank of each stage, and then at all of them under the scenario's conditions. */
const everyRank = (
  { conditions, cluster }: Scenario,
  jobs: readonly Job[],
): { readonly candidate: Candidate; readonly disturbed: Disturbance } => {
  const { job } = bestOf(jobs, 'folded');
  const fabric = cluster.fabric ?? ASSUMED_FABRIC;
  const strange = strangeConditions(job, conditions, fabric);
  if (strange.length > 0) throw new Refusal(EXIT.badInput, [...strange, 'Nothing was simulated.'].join('\n'));
  const disturbed = disturbedOrDead(() => disturb(job, conditions, fabric));
  return { candidate: candidateOf(job, disturbed.evaluation), disturbed };
};

/** A job that has a dead link and no way around it is no mistake of anybody's: it fails, and its name is said. */
const disturbedOrDead = (play: () => Disturbance): Disturbance => {
  try {
    return play();
  } catch (error) {
    if (error instanceof NoWay) throw new Refusal(EXIT.infeasible, `The job fails: ${error.message}.`);
    throw error;
  }
};

/** The fastest that fits, or the one that comes nearest. The bound is no longer than the truth, so those behind it need no look. */
const bestOf = (jobs: readonly Job[], fidelity: Fidelity): Candidate => {
  const cache: ProfileCache = profileCache();
  const bounds = jobs.map((job) => explain(job, 'bound', cache)).toSorted(better);
  let best: Candidate | null = null;
  for (const bound of bounds) {
    if (best !== null && better(best, bound) <= 0) break;
    const candidate = explain(bound.job, fidelity, cache);
    if (best === null || better(candidate, best) < 0) best = candidate;
  }
  if (best === null) throw new RangeError('the best of no layouts was asked for');
  return best;
};

const better = (a: Candidate, b: Candidate): number =>
  overflow(a) - overflow(b) || a.evaluation.step - b.evaluation.step;
const overflow = ({ outlook }: Candidate): number => Math.max(0, -outlook.memory.headroom);
