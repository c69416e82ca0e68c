/** Gives every layout of a scenario a verdict, the cheap looks first, on as many threads as there are. */
import type { Cluster } from '../scenario/cluster.ts';
import type { Scenario } from '../scenario/scenario.ts';
import { Crew } from './crew.ts';
import type { Point } from './enumerate.ts';
import { enumerate, jobAt } from './enumerate.ts';
import { FASTEST, incumbentOf, SLOWEST } from './front.ts';
import { candidateOf } from './outlook.ts';
import type { Candidate, SearchCounts, Verdict } from './plan.ts';
import type { Pool } from './pool.ts';
import type { Progress } from './progress.ts';
import { ruleAgainst } from './rules.ts';
import { shortLayout } from './short-layout.ts';
import type { SearchTask } from './task.ts';

export interface SearchOptions {
  /** Null runs everything on this thread. */
  readonly pool: Pool | null;
  readonly onProgress: (progress: Progress) => void;
  readonly isInterrupted: () => boolean;
  /** Other clusters that an infeasible job may be moved to. */
  readonly alternatives: readonly Cluster[];
}

interface TooLarge {
  readonly point: Point;
  readonly verdict: Extract<Verdict, { kind: 'memory' }>;
}

/** What a search knows when it ends. */
export interface Findings {
  /** Simulated layouts that fit, fastest first. */
  readonly candidates: readonly Candidate[];
  /** Layouts that do not fit, nearest first. */
  readonly tooLarge: readonly TooLarge[];
  /** How often each rule refused a layout. */
  readonly rules: ReadonlyMap<string, number>;
  readonly counts: SearchCounts;
  /** True when every layout has a verdict. */
  readonly complete: boolean;
}

/** Sketches are cheap, so many go into a batch; simulations begin with few, for the first results prune the rest. */
const SKETCHES = 4096;
const FIRST_BATCH = 8;
/** Where any layout will do, the first few by their sketch are likely to. */
const ANY_BATCH = 2;
const LARGEST_BATCH = 64;

/** A search under way: every layout moves from `open` to where its verdict belongs. */
class Hunt {
  readonly rules = new Map<string, number>();
  readonly tooLarge: TooLarge[] = [];
  readonly candidates: Candidate[] = [];
  byBound = 0;
  readonly #scenario: Scenario;
  readonly #options: Pick<SearchOptions, 'onProgress' | 'isInterrupted'>;
  readonly #crew: Crew;
  #open: { readonly point: Point; readonly bound: number }[] = [];
  #total = 0;

  constructor(scenario: Scenario, { pool, ...options }: Omit<SearchOptions, 'alternatives'>) {
    this.#scenario = scenario;
    this.#options = options;
    this.#crew = new Crew(pool);
  }

  /** The layouts that no rule forbids. */
  legal(): readonly Point[] {
    const legal: Point[] = [];
    for (const point of enumerate(this.#scenario)) {
      this.#total++;
      const rule = ruleAgainst(jobAt(this.#scenario, point));
      if (rule === null) legal.push(point);
      else this.rules.set(rule, (this.rules.get(rule) ?? 0) + 1);
    }
    return legal;
  }

  /** Drops what cannot fit, and orders the rest by what they take at least. */
  async sketch(points: readonly Point[]): Promise<void> {
    for (let start = 0; start < points.length && !this.#options.isInterrupted(); start += SKETCHES) {
      const batch = points.slice(start, start + SKETCHES);
      for (const { point, verdict } of await this.#look('sketch', batch))
        if (verdict.kind === 'memory') this.tooLarge.push({ point, verdict });
        else if (verdict.kind === 'bound') this.#open.push({ point, bound: verdict.bound });
      this.#report();
    }
    this.#open.sort((a, b) => a.bound - b.bound);
  }

  /** Simulates the layouts in order until none is left that could be worth it. */
  async simulate(enough: 'all' | 'any'): Promise<void> {
    const first = enough === 'all' ? FIRST_BATCH : ANY_BATCH;
    for (let size = first; this.#open.length > 0; size = Math.min(2 * size, LARGEST_BATCH)) {
      if (this.#options.isInterrupted() || this.#areRestTooSlow()) break;
      const batch = this.#open.splice(0, size).map(({ point }) => point);
      for (const { point, verdict, evaluation } of await this.#look('simulate', batch))
        if (verdict.kind === 'memory') this.tooLarge.push({ point, verdict });
        else if (evaluation === null) this.byBound++;
        else this.candidates.push(candidateOf(jobAt(this.#scenario, point), evaluation));
      this.candidates.sort(byStep);
      this.#report();
      if (enough === 'any' && this.candidates.length > 0) break;
    }
    this.#report();
  }

  get counts(): SearchCounts {
    const byRule = [...this.rules.values()].reduce((total, count) => total + count, 0);
    const { tooLarge, byBound, candidates } = this;
    const [byMemory, simulated] = [tooLarge.length, candidates.length];
    return { considered: this.#total, byRule, byMemory, byBound, simulated };
  }

  /** The layouts to come are worth no look once the slowest that may be on the front and the last of the fastest are faster. */
  #areRestTooSlow(): boolean {
    const [best, last] = [this.candidates[0], this.candidates[FASTEST - 1]];
    if (best === undefined || last === undefined) return false;
    const enough = Math.max(SLOWEST * best.evaluation.step, last.evaluation.step);
    if (this.#open[0]!.bound <= enough) return false;
    this.byBound += this.#open.length;
    this.#open = [];
    return true;
  }

  #look(look: SearchTask['look'], points: readonly Point[]): ReturnType<Crew['run']> {
    const incumbents = this.candidates.map(incumbentOf);
    return this.#crew.run({ scenario: this.#scenario, points, look, incumbents });
  }

  #report(): void {
    const { counts } = this;
    this.#options.onProgress({ done: verdictsOf(counts), total: counts.considered, best: bestOf(this.candidates) });
  }
}

const verdictsOf = ({ byRule, byMemory, byBound, simulated }: SearchCounts): number =>
  byRule + byMemory + byBound + simulated;

/** `enough`: search everything, or stop with the first layouts that fit. */
export const findingsOf = async (
  scenario: Scenario,
  options: Omit<SearchOptions, 'alternatives'>,
  enough: 'all' | 'any',
): Promise<Findings> => {
  const hunt = new Hunt(scenario, options);
  await hunt.sketch(hunt.legal());
  await hunt.simulate(enough);
  const { candidates, rules, counts } = hunt;
  const tooLarge = hunt.tooLarge.toSorted((a, b) => a.verdict.peak - b.verdict.peak);
  return { candidates, tooLarge, rules, counts, complete: verdictsOf(counts) === counts.considered };
};

/** Fastest first; of equally fast ones the one with more headroom, then the one met first. */
const byStep = (a: Candidate, b: Candidate): number =>
  a.evaluation.step - b.evaluation.step || b.outlook.memory.headroom - a.outlook.memory.headroom;

const bestOf = ([best]: readonly Candidate[]): Progress['best'] =>
  best === undefined ? null : { step: best.evaluation.step, layout: shortLayout(best.job) };
