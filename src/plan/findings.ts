/** Gives every layout of a scenario a verdict, the cheap looks first, on as many threads as there are. */
import type { Cluster } from '../scenario/cluster.ts';
import type { Scenario } from '../scenario/scenario.ts';
import type { ProfileCache } from '../sim/profile.ts';
import type { Point } from './enumerate.ts';
import { enumerate, jobAt } from './enumerate.ts';
import { FASTEST, incumbentOf, SLOWEST } from './front.ts';
import { candidateOf } from './outlook.ts';
import type { Candidate, SearchCounts, Verdict } from './plan.ts';
import type { Pool } from './pool.ts';
import type { Progress } from './progress.ts';
import { ruleAgainst } from './rules.ts';
import { shortLayout } from './short-layout.ts';
import type { Looked, SearchTask } from './task.ts';
import { runTask } from './task.ts';

export interface SearchOptions {
  /** Null runs everything on this thread. */
  readonly pool: Pool | null;
  readonly onProgress: (progress: Progress) => void;
  readonly isInterrupted: () => boolean;
  /** Other clusters that an infeasible job may be moved to. */
  readonly alternatives: readonly Cluster[];
}

/** What a search knows when it ends. */
export interface Findings {
  /** Simulated layouts that fit, fastest first. */
  readonly candidates: readonly Candidate[];
  /** Layouts that do not fit, nearest first. */
  readonly tooLarge: readonly { readonly point: Point; readonly verdict: Extract<Verdict, { kind: 'memory' }> }[];
  /** How often each rule refused a layout. */
  readonly rules: ReadonlyMap<string, number>;
  readonly counts: SearchCounts;
  readonly complete: boolean;
}

/** Cuts work among threads; results come back in order, whichever thread is done first. */
class Crew {
  readonly #pool: Pool | null;
  readonly #cache: ProfileCache = new Map();
  constructor(pool: Pool | null) {
    this.#pool = pool;
  }
  async run(task: SearchTask): Promise<readonly Looked[]> {
    const pool = this.#pool;
    if (pool === null || task.points.length < 2) return runTask(task, this.#cache);
    const share = Math.ceil(task.points.length / pool.size);
    const parts = Array.from({ length: Math.ceil(task.points.length / share) }, (_, index) =>
      pool.run({ ...task, points: task.points.slice(index * share, (index + 1) * share) }),
    );
    return (await Promise.all(parts)).flat();
  }
}

/** Sketches are cheap, so many go into a batch; simulations begin with few, for the first results prune the rest. */
const SKETCHES = 4096;
const FIRST_BATCH = 8;
const LARGEST_BATCH = 64;

/** `enough`: search everything, or stop with the first layouts that fit. */
export const findingsOf = async (
  scenario: Scenario,
  { pool, onProgress, isInterrupted }: Omit<SearchOptions, 'alternatives'>,
  enough: 'all' | 'any',
): Promise<Findings> => {
  const crew = new Crew(pool);
  const legal: Point[] = [];
  const rules = new Map<string, number>();
  for (const point of enumerate(scenario)) {
    const rule = ruleAgainst(jobAt(scenario, point));
    if (rule === null) legal.push(point);
    else rules.set(rule, (rules.get(rule) ?? 0) + 1);
  }
  const byRule = [...rules.values()].reduce((total, count) => total + count, 0);
  const total = byRule + legal.length;
  const tooLarge: Findings['tooLarge'][number][] = [];
  const open: { point: Point; bound: number }[] = [];
  const candidates: Candidate[] = [];
  let byBound = 0;
  const report = (): void => onProgress({ done: total - open.length, total, best: bestOf(candidates) });

  for (let start = 0; start < legal.length && !isInterrupted(); start += SKETCHES) {
    const points = legal.slice(start, start + SKETCHES);
    const looked = await crew.run({ scenario, points, look: 'sketch', incumbents: [] });
    for (const [index, { verdict }] of looked.entries()) {
      const point = points[index]!;
      if (verdict.kind === 'memory') tooLarge.push({ point, verdict });
      else if (verdict.kind === 'bound') open.push({ point, bound: verdict.bound });
    }
    onProgress({ done: byRule + tooLarge.length, total, best: null });
  }

  open.sort((a, b) => a.bound - b.bound);
  for (let size = FIRST_BATCH; open.length > 0 && !isInterrupted(); size = Math.min(2 * size, LARGEST_BATCH)) {
    const limit = SLOWEST * (candidates[0]?.evaluation.step ?? Infinity);
    const batch = open.splice(0, size);
    if (candidates.length >= FASTEST && batch[0]!.bound > limit) {
      byBound += batch.length + open.splice(0).length;
      break;
    }
    const points = batch.map(({ point }) => point);
    const incumbents = candidates.map(incumbentOf);
    const looked = await crew.run({ scenario, points, look: 'simulate', incumbents });
    for (const [index, { verdict, evaluation }] of looked.entries()) {
      const point = points[index]!;
      if (verdict.kind === 'memory') tooLarge.push({ point, verdict });
      else if (evaluation === null) byBound++;
      else candidates.push(candidateOf(jobAt(scenario, point), evaluation));
    }
    candidates.sort(byStep);
    report();
    if (enough === 'any' && candidates.length > 0) break;
  }
  tooLarge.sort((a, b) => a.verdict.peak - b.verdict.peak);
  const counts = { considered: total, byRule, byMemory: tooLarge.length, byBound, simulated: candidates.length };
  return { candidates, tooLarge, rules, counts, complete: !isInterrupted() };
};

/** Fastest first; of equally fast ones the one with more headroom, then the one met first. */
const byStep = (a: Candidate, b: Candidate): number =>
  a.evaluation.step - b.evaluation.step || b.outlook.memory.headroom - a.outlook.memory.headroom;

const bestOf = ([best]: readonly Candidate[]): Progress['best'] =>
  best === undefined ? null : { step: best.evaluation.step, layout: shortLayout(best.job) };
