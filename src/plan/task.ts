/** A piece of a search that can run on any thread: a few layouts, each looked at as closely as it deserves. */
import type { Scenario } from '../scenario/scenario.ts';
import { bound } from '../sim/bound.ts';
import type { Evaluation } from '../sim/evaluation.ts';
import { folded } from '../sim/folded.ts';
import type { ProfileCache } from '../sim/profile.ts';
import { sketch } from '../sim/sketch.ts';
import type { Bytes } from '../units/quantity.ts';
import { bytes } from '../units/quantity.ts';
import type { Point } from './enumerate.ts';
import { jobAt } from './enumerate.ts';
import type { Incumbent } from './front.ts';
import { cannotWin } from './front.ts';
import { candidateOf } from './outlook.ts';
import type { Verdict } from './plan.ts';

/** Layouts to look at, and what is known of the best when the task is cut: that makes the result independent of threads. */
export interface SearchTask {
  readonly scenario: Scenario;
  readonly points: readonly Point[];
  readonly look: 'sketch' | 'simulate';
  readonly incumbents: readonly Incumbent[];
}
export interface Looked {
  readonly verdict: Verdict;
  /** Of a layout that was simulated. */
  readonly evaluation: Evaluation | null;
}
/** By point, in the order of the task. */
export type SearchResult = readonly Looked[];

/** Memory that a plan may use: the card's, less the margin. */
export const memoryLimit = ({ cluster, memoryMargin }: Scenario): Bytes =>
  bytes(Math.floor(cluster.accelerator.memory.value * (1 - memoryMargin)));

/** `cache` keeps profiles between tasks of one search on one thread. */
export const runTask = (task: SearchTask, cache: ProfileCache): SearchResult =>
  task.points.map((point) => (task.look === 'sketch' ? sketched(task, point, cache) : simulated(task, point, cache)));

/** A sketch that fits is a bound of its own. */
const sketched = ({ scenario }: SearchTask, point: Point, cache: ProfileCache): Looked => {
  const { step, memory, stage } = sketch(jobAt(scenario, point), cache);
  const limit = memoryLimit(scenario);
  const verdict: Verdict =
    memory > limit ? { kind: 'memory', stage, peak: memory, limit } : { kind: 'bound', bound: step };
  return { verdict, evaluation: null };
};

const simulated = ({ scenario, incumbents }: SearchTask, point: Point, cache: ProfileCache): Looked => {
  const job = jobAt(scenario, point);
  const near = candidateOf(job, bound(job, cache));
  const tooLarge = memoryVerdict(scenario, near.outlook.memory);
  if (tooLarge !== null) return { verdict: tooLarge, evaluation: null };
  if (cannotWin(near, incumbents)) return { verdict: { kind: 'bound', bound: near.evaluation.step }, evaluation: null };
  const evaluation = folded(job, cache);
  const verdict = memoryVerdict(scenario, candidateOf(job, evaluation).outlook.memory);
  return verdict === null
    ? { verdict: { kind: 'simulated', step: evaluation.step }, evaluation }
    : { verdict, evaluation: null };
};

const memoryVerdict = (
  scenario: Scenario,
  { stage, peak }: { readonly stage: number; readonly peak: Bytes },
): Verdict | null => {
  const limit = memoryLimit(scenario);
  return peak > limit ? { kind: 'memory', stage, peak, limit } : null;
};
