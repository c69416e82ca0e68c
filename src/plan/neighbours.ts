/** Layouts one change away from the winner, each simulated, and the term in which it loses. */
import type { Job, Layout } from '../scenario/job.ts';
import { SCHEDULES, ZERO_STAGES } from '../scenario/job.ts';
import type { Scenario } from '../scenario/scenario.ts';
import type { StageReport, Term } from '../sim/evaluation.ts';
import { TERMS } from '../sim/evaluation.ts';
import { folded } from '../sim/folded.ts';
import type { ProfileCache } from '../sim/profile.ts';
import type { Point } from './enumerate.ts';
import { jobAt } from './enumerate.ts';
import { candidateOf } from './outlook.ts';
import type { Candidate, Neighbour, Verdict } from './plan.ts';
import { ruleAgainst } from './rules.ts';
import { memoryLimit } from './task.ts';

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
    ...(recompute.kind === 'none' ? [] : [{ recompute: { kind: 'none' } as const }]),
    ...(recompute.kind === 'full' ? [] : [{ recompute: { kind: 'full', layers: 'all' } as const }]),
  ];
};

export const neighboursOf = (scenario: Scenario, winner: Candidate): readonly Neighbour[] => {
  const { devices, precision, recompute, layout } = winner.job;
  const cache: ProfileCache = new Map();
  return changes(winner.job).map((change) => {
    const job = jobAt(scenario, { devices, precision, recompute, layout, ...change });
    return { change: changeText(winner.job, job), job, ...judged(scenario, { winner, job, cache }) };
  });
};

const judged = (
  scenario: Scenario,
  { winner, job, cache }: { winner: Candidate; job: Job; cache: ProfileCache },
): Pick<Neighbour, 'verdict' | 'reason'> => {
  const rule = ruleAgainst(job);
  if (rule !== null) return { verdict: { kind: 'rule', rule }, reason: rule };
  const candidate = candidateOf(job, folded(job, cache));
  const { stage, peak } = candidate.outlook.memory;
  const limit = memoryLimit(scenario);
  if (peak > limit) {
    const verdict: Verdict = { kind: 'memory', stage, peak, limit };
    return { verdict, reason: `does not fit: stage ${stage}` };
  }
  const { step } = candidate.evaluation;
  return { verdict: { kind: 'simulated', step }, reason: termText(winner, candidate) };
};

/** The longest stage's time by term: the one that waits least for the others. */
const busiest = ({ evaluation }: Candidate): StageReport =>
  evaluation.stages.reduce((most, stage) => (stage.terms.bubble < most.terms.bubble ? stage : most));

/** The term that grew most, on the busiest stage; should no term have grown, the two are alike. */
const termText = (winner: Candidate, candidate: Candidate): string => {
  const [before, after] = [busiest(winner).terms, busiest(candidate).terms];
  const growth = (term: Term): number => after[term] - before[term];
  const worst = TERMS.reduce((most, term) => (growth(term) > growth(most) ? term : most));
  const [step, best] = [candidate.evaluation.step, winner.evaluation.step];
  if (step < best) return 'faster, but not among the layouts asked about';
  if (step === best) return 'as fast, with no more memory to spare';
  return `${TERM_TEXT[worst]} takes ${(growth(worst) * 1e3).toFixed(0)} ms more`;
};

const TERM_TEXT: Readonly<Record<Term, string>> = {
  matrix: 'matrix multiplication',
  attention: 'attention',
  vector: 'element-wise work',
  recompute: 'recomputation',
  tp: 'tensor-parallel communication',
  bubble: 'waiting for other stages',
  dp: 'exposed data-parallel communication',
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
