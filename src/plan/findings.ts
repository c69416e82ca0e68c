/** Gives every layout of a scenario a verdict, the cheap looks first, on as many threads as there are. */
import type { Cluster } from '../scenario/cluster.ts';
import type { Scenario } from '../scenario/scenario.ts';
import { Crew } from './crew.ts';
import type { Choices, Grid } from './enumerate.ts';
import { choicesOf, countOf, gridsOf, jobAt, pointAt } from './enumerate.ts';
import { cannotWin, worthKeeping } from './front.ts';
import { candidateOf } from './outlook.ts';
import type { Candidate, SearchCounts } from './plan.ts';
import type { Pool } from './pool.ts';
import type { Progress } from './progress.ts';
import { shortLayout } from './short-layout.ts';
import type { Open, TooLarge } from './task.ts';
import { byPeak } from './task.ts';

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
  /** Of the layouts that do not fit those that came nearest, nearest first. */
  readonly tooLarge: readonly TooLarge[];
  /** How often each rule refused a layout. */
  readonly rules: ReadonlyMap<string, number>;
  readonly counts: SearchCounts;
  /** True when every layout has a verdict. */
  readonly complete: boolean;
}

/** The grids are looked over in so many turns: the best of each turn are simulated, and prune the next. */
const TURNS = 8;
/** Simulations begin with few, for the first results prune the rest. */
const FIRST_BATCH = 8;
/** Where any layout will do, the first few by their sketch are likely to. */
const ANY_BATCH = 2;
const LARGEST_BATCH = 64;

interface OpenPoint extends Open {
  readonly grid: Grid;
}

/** A search under way: every layout moves from its grid to where its verdict belongs. */
class Hunt {
  readonly rules = new Map<string, number>();
  readonly candidates: Candidate[] = [];
  readonly #scenario: Scenario;
  readonly #options: Omit<SearchOptions, 'alternatives'>;
  readonly #crew: Crew;
  readonly #choices = new Map<Grid, Choices>();
  #leanest: TooLarge[] = [];
  #open: OpenPoint[] = [];
  #byMemory = 0;
  #byBound = 0;
  #total = 0;

  constructor(scenario: Scenario, options: Omit<SearchOptions, 'alternatives'>) {
    this.#scenario = scenario;
    this.#options = options;
    this.#crew = new Crew(options.pool);
  }

  /** Looks over all grids, and simulates until none is left that could be worth it; or until something fits. */
  async run(enough: 'all' | 'any'): Promise<void> {
    const grids = gridsOf(this.#scenario);
    for (const grid of grids) this.#choices.set(grid, choicesOf(this.#scenario, grid));
    this.#total = [...this.#choices.values()].reduce((total, choices) => total + countOf(choices), 0);
    const share = Math.max(1, Math.ceil(grids.length / TURNS));
    for (let start = 0; start < grids.length && !this.#isOver(enough); start += share) {
      await this.#survey(grids.slice(start, start + share));
      // The first of a turn may beat all that was found before.
      await this.#simulate(enough === 'any' ? ANY_BATCH : FIRST_BATCH);
    }
    for (
      let size = FIRST_BATCH;
      this.#open.length > 0 && !this.#isOver(enough);
      size = Math.min(2 * size, LARGEST_BATCH)
    )
      await this.#simulate(size);
    this.#report();
  }

  #isOver(enough: 'all' | 'any'): boolean {
    return this.#options.isInterrupted() || (enough === 'any' && this.candidates.length > 0);
  }

  async #survey(grids: readonly Grid[]): Promise<void> {
    const { isInterrupted } = this.#options;
    const incumbents = worthKeeping(this.candidates);
    const surveyed = await this.#crew.survey(this.#scenario, { grids, incumbents, isInterrupted });
    for (const [index, one] of surveyed.entries()) {
      if (one === null) continue;
      for (const [rule, count] of one.rules) this.rules.set(rule, (this.rules.get(rule) ?? 0) + count);
      this.#byMemory += one.tooLarge;
      this.#byBound += one.slow;
      this.#leanest.push(...one.leanest);
      for (const open of one.open) this.#open.push({ ...open, grid: grids[index]! });
    }
    this.#leanest = this.#leanest.sort(byPeak).slice(0, LEANEST);
    this.#open.sort((a, b) => a.step - b.step);
    this.#report();
  }

  /** Simulates the most promising of those that are open, and drops what can no longer win. */
  async #simulate(size: number): Promise<void> {
    const points = this.#open
      .splice(0, size)
      .map(({ grid, number }) => pointAt(grid, this.#choices.get(grid)!, number));
    if (points.length === 0) return;
    for (const { point, verdict, evaluation } of await this.#crew.simulate(this.#scenario, points)) {
      if (evaluation !== null) this.candidates.push(candidateOf(jobAt(this.#scenario, point), evaluation));
      else if (verdict.kind === 'rule') this.rules.set(verdict.rule, (this.rules.get(verdict.rule) ?? 0) + 1);
      else if (verdict.kind === 'memory') {
        this.#byMemory++;
        this.#leanest.push({ point, verdict });
      }
    }
    this.candidates.sort(byStep);
    const incumbents = worthKeeping(this.candidates);
    const open = this.#open.filter((one) => !cannotWin(one, incumbents, this.#scenario.search));
    this.#byBound += this.#open.length - open.length;
    this.#open = open;
    this.#report();
  }

  get tooLarge(): readonly TooLarge[] {
    return this.#leanest.toSorted(byPeak);
  }
  get counts(): SearchCounts {
    const byRule = [...this.rules.values()].reduce((total, count) => total + count, 0);
    const simulated = this.candidates.length;
    return { considered: this.#total, byRule, byMemory: this.#byMemory, byBound: this.#byBound, simulated };
  }

  #report(): void {
    const { counts } = this;
    this.#options.onProgress({ done: verdictsOf(counts), total: counts.considered, best: bestOf(this.candidates) });
  }
}
/** Layouts that do not fit and came nearest: enough to say by how much. */
const LEANEST = 256;

const verdictsOf = ({ byRule, byMemory, byBound, simulated }: SearchCounts): number =>
  byRule + byMemory + byBound + simulated;

/** `enough`: search everything, or stop with the first layouts that fit. */
export const findingsOf = async (
  scenario: Scenario,
  options: Omit<SearchOptions, 'alternatives'>,
  enough: 'all' | 'any',
): Promise<Findings> => {
  const hunt = new Hunt(scenario, options);
  await hunt.run(enough);
  const { candidates, rules, counts, tooLarge } = hunt;
  return { candidates, tooLarge, rules, counts, complete: verdictsOf(counts) === counts.considered };
};

/** Fastest first; of equally fast ones the one with more headroom, then the one met first. */
const byStep = (a: Candidate, b: Candidate): number =>
  a.evaluation.step - b.evaluation.step || b.outlook.memory.headroom - a.outlook.memory.headroom;

const bestOf = ([best]: readonly Candidate[]): Progress['best'] =>
  best === undefined ? null : { step: best.evaluation.step, layout: shortLayout(best.job) };
