/** Layouts one change away from the winner, each simulated, and the term in which it loses. */
import type { Job, Layout } from '../scenario/job.ts';
import { SCHEDULES, ZERO_STAGES } from '../scenario/job.ts';
import type { Scenario } from '../scenario/scenario.ts';
import type { Evaluation, Term } from '../sim/evaluation.ts';
import { TERMS } from '../sim/evaluation.ts';
import { busiestOf } from './busiest.ts';
import { Crew } from './crew.ts';
import type { Point } from './enumerate.ts';
import { jobAt, RECOMPUTES } from './enumerate.ts';
import type { Candidate, Neighbour } from './plan.ts';
import type { Pool } from './pool.ts';
import { ruleAgainst } from './rules.ts';
import type { Looked } from './task.ts';

/** A step down and a step up. */
const halves = (value: number): readonly number[] => [value / 2, value * 2].filter(Number.isInteger);
/** One stage has one schedule and one model chunk. */
const alone = (stages: number): Partial<Layout> => (stages === 1 ? { schedule: '1f1b', vp: 1 } : {});

/** Changes to try: each axis one step up and down, with the data axis taking up the slack. */
const changes = ({ layout, recompute }: Job): readonly Partial<Point>[] => {
  const { tp, pp, dp, vp, microbatch, schedule, zero, sequenceParallel } = layout;
  const grid = (next: Partial<Layout>): Partial<Point> => ({ layout: { ...layout, ...next } });
  return [
    ...halves(tp).map((next) =>
      grid({ tp: next, dp: (tp * dp) / next, sequenceParallel: sequenceParallel && next > 1 }),
    ),
    ...halves(pp).map((next) => grid({ pp: next, dp: (pp * dp) / next, ...alone(next) })),
    ...halves(microbatch).map((next) => grid({ microbatch: next })),
    ...(vp > 1 ? halves(vp).filter((next) => next > 1) : pp > 1 ? [2] : []).map((next) =>
      grid({ vp: next, schedule: 'interleaved' }),
    ),
    ...SCHEDULES.filter((next) => next !== schedule && next !== 'interleaved' && pp > 1).map((next) =>
      grid({ schedule: next, vp: 1 }),
    ),
    ...ZERO_STAGES.filter((next) => next !== zero && dp > 1 && (next < 2 || pp === 1)).map((next) =>
      grid({ zero: next }),
    ),
    ...(tp > 1 ? [grid({ sequenceParallel: !sequenceParallel })] : []),
    ...RECOMPUTES.filter(({ kind }) => kind !== recompute.kind).map((next) => ({ recompute: next })),
  ];
};

export const neighboursOf = async (
  scenario: Scenario,
  winner: Candidate,
  pool: Pool | null,
): Promise<readonly Neighbour[]> => {
  const { devices, precision, recompute, offload, layout } = winner.job;
  const held = { devices, precision, recompute, offload, layout };
  const points = changes(winner.job).map((change): Point => ({ ...held, ...change }));
  const legal = points.filter((point) => ruleAgainst(jobAt(scenario, point)) === null);
  const looked = await new Crew(pool).simulate(scenario, legal);
  const seen = new Map(looked.map((one) => [one.point, one]));
  return points.map((point) => {
    const job = jobAt(scenario, point);
    return { change: changeText(winner.job, job), job, ...judged(winner, job, seen.get(point)) };
  });
};

const judged = (winner: Candidate, job: Job, looked: Looked | undefined): Pick<Neighbour, 'verdict' | 'reason'> => {
  if (looked === undefined) {
    const rule = ruleAgainst(job)!;
    return { verdict: { kind: 'rule', rule }, reason: rule };
  }
  const { verdict, evaluation } = looked;
  if (evaluation !== null) return { verdict, reason: termText(winner.evaluation, evaluation) };
  return { verdict, reason: verdict.kind === 'memory' ? `does not fit: stage ${verdict.stage}` : 'cannot win' };
};

/** The term that grew most, on the busiest stage; should no term have grown, the two are alike. */
const termText = (winner: Evaluation, neighbour: Evaluation): string => {
  const [before, after] = [busiestOf(winner).terms, busiestOf(neighbour).terms];
  const growth = (term: Term): number => after[term] - before[term];
  const worst = TERMS.reduce((most, term) => (growth(term) > growth(most) ? term : most));
  if (neighbour.step < winner.step) return 'faster, but not among the layouts asked about';
  if (neighbour.step === winner.step) return 'as fast, with no more memory to spare';
  return `${TERM_TEXT[worst]} takes ${(growth(worst) * 1e3).toFixed(0)} ms more`;
};

const TERM_TEXT: Readonly<Record<Term, string>> = {
  matrix: 'matrix multiplication',
  attention: 'attention',
  vector: 'element-wise work',
  recompute: 'recomputation',
  tp: 'tensor-parallel communication',
  cp: 'context-parallel communication',
  ep: 'expert-parallel communication',
  bubble: 'waiting for other stages',
  dp: 'exposed data-parallel communication',
  offload: 'offloading',
  optimizer: 'the optimizer',
  input: 'input',
};

/** What differs, axis by axis: `tp 8 -> 4, dp 16 -> 32`. */
const changeText = (from: Job, to: Job): string => {
  const axes = ['tp', 'pp', 'vp', 'dp', 'microbatch', 'schedule', 'zero', 'sequenceParallel'] as const;
  const changed = axes.filter((axis) => from.layout[axis] !== to.layout[axis]);
  const texts = changed.map((axis) => `${axis} ${from.layout[axis]} -> ${to.layout[axis]}`);
  if (from.recompute.kind !== to.recompute.kind) texts.push(`recompute ${from.recompute.kind} -> ${to.recompute.kind}`);
  return texts.join(', ');
};
