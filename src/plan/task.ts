/** Pieces of a search that can run on any thread: a grid looked over, or a few layouts simulated. */
import type { Scenario } from '../scenario/scenario.ts';
import type { Evaluation } from '../sim/evaluation.ts';
import { folded } from '../sim/folded.ts';
import { hostShortage } from '../sim/host-memory.ts';
import type { ProfileCache } from '../sim/cache.ts';
import { sketch } from '../sim/sketch.ts';
import { formatBytes } from '../units/format.ts';
import type { Bytes, Seconds } from '../units/quantity.ts';
import { bytes } from '../units/quantity.ts';
import type { Grid, Point } from './enumerate.ts';
import { choicesOf, countOf, jobAt, pointAt } from './enumerate.ts';
import type { Incumbent } from './front.ts';
import { cannotWin } from './front.ts';
import { candidateOf, secondlyPrice } from './outlook.ts';
import type { Verdict } from './plan.ts';
import { ruleAgainst } from './rules.ts';

/** Gives every layout of a grid a verdict; what is known of the best makes the result independent of threads. */
export interface Survey {
  readonly kind: 'survey';
  readonly scenario: Scenario;
  readonly grid: Grid;
  readonly incumbents: readonly Incumbent[];
}
export interface Surveyed {
  readonly kind: 'survey';
  readonly considered: number;
  /** How often each rule refused a layout. */
  readonly rules: readonly (readonly [rule: string, count: number])[];
  readonly tooLarge: number;
  /** Those of them that came nearest. */
  readonly leanest: readonly TooLarge[];
  /** Those that cannot be among the best even if they are as fast as their sketch. */
  readonly slow: number;
  /** Those that may win. */
  readonly open: readonly Open[];
}
export interface TooLarge {
  readonly point: Point;
  readonly verdict: Extract<Verdict, { kind: 'memory' }>;
}
/** A layout that fits by its sketch, by its number in the grid. */
export interface Open extends Incumbent {
  readonly number: number;
}

export interface Simulation {
  readonly kind: 'simulation';
  readonly scenario: Scenario;
  readonly points: readonly Point[];
}
export interface Looked {
  readonly verdict: Verdict;
  /** Of a layout that fits. */
  readonly evaluation: Evaluation | null;
}
/** By point, in the order of the task. */
export interface Simulated {
  readonly kind: 'simulation';
  readonly looked: readonly Looked[];
}

export type SearchTask = Survey | Simulation;
export type SearchResult = Surveyed | Simulated;

/** Memory that a plan may use: the card's, less the margin. */
export const memoryLimit = ({ cluster, memoryMargin }: Scenario): Bytes =>
  bytes(Math.floor(cluster.accelerator.memory.value * (1 - memoryMargin)));

/** `cache` keeps profiles between tasks of one search on one thread. */
export const runTask = (task: SearchTask, cache: ProfileCache): SearchResult =>
  task.kind === 'survey' ? survey(task, cache) : simulation(task, cache);

/** Layouts that do not fit and came nearest are kept to say by how much. */
const LEANEST = 32;

const survey = ({ scenario, grid, incumbents }: Survey, cache: ProfileCache): Surveyed => {
  const choices = choicesOf(scenario, grid);
  const considered = countOf(choices);
  const limit = memoryLimit(scenario);
  const capacity = scenario.cluster.accelerator.memory.value;
  const price = secondlyPrice(scenario.cluster) * grid.devices;
  const rules = new Map<string, number>();
  const lean = new Leanest();
  const open: Open[] = [];
  let [tooLarge, slow] = [0, 0];
  for (let number = 0; number < considered; number++) {
    const point = pointAt(grid, choices, number);
    const job = jobAt(scenario, point);
    const rule = ruleAgainst(job);
    if (rule !== null) {
      rules.set(rule, (rules.get(rule) ?? 0) + 1);
      continue;
    }
    const { step, memory, stage } = sketch(job, cache);
    if (memory > limit) {
      tooLarge++;
      lean.offer(memory, () => ({ point, verdict: { kind: 'memory', stage, peak: memory, limit } }));
      continue;
    }
    const least = { step, price: step * price, headroom: capacity - memory, devices: grid.devices };
    if (cannotWin(least, incumbents, scenario.search)) slow++;
    else open.push({ number, ...least });
  }
  return { kind: 'survey', considered, rules: [...rules], tooLarge, leanest: lean.found, slow, open };
};

/** The few smallest of many. */
class Leanest {
  readonly #found: TooLarge[] = [];
  #worst = Infinity;

  offer(peak: number, layout: () => TooLarge): void {
    if (this.#found.length === LEANEST && peak >= this.#worst) return;
    this.#found.push(layout());
    this.#found.sort(byPeak);
    this.#found.length = Math.min(this.#found.length, LEANEST);
    this.#worst = this.#found.at(-1)!.verdict.peak;
  }
  get found(): readonly TooLarge[] {
    return this.#found;
  }
}
export const byPeak = (a: TooLarge, b: TooLarge): number => a.verdict.peak - b.verdict.peak;

const simulation = ({ scenario, points }: Simulation, cache: ProfileCache): Simulated => ({
  kind: 'simulation',
  looked: points.map((point) => simulated(scenario, point, cache)),
});

const simulated = (scenario: Scenario, point: Point, cache: ProfileCache): Looked => {
  const job = jobAt(scenario, point);
  const evaluation = folded(job, cache);
  const missing = hostShortage(job, evaluation);
  if (missing !== null) {
    const rule = `what is offloaded needs ${formatBytes(missing)} more than the host memory of a node`;
    return { verdict: { kind: 'rule', rule }, evaluation: null };
  }
  const { stage, peak } = candidateOf(job, evaluation).outlook.memory;
  const limit = memoryLimit(scenario);
  return peak > limit
    ? { verdict: { kind: 'memory', stage, peak, limit }, evaluation: null }
    : { verdict: { kind: 'simulated', step: evaluation.step satisfies Seconds }, evaluation };
};
