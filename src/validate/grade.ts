/** One row against its prediction: an entry for each metric that the row measured. */
import type { Purpose } from '../memory/purpose.ts';
import type { Cluster } from '../scenario/cluster.ts';
import type { Job } from '../scenario/job.ts';
import type { Evaluation, Term } from '../sim/evaluation.ts';
import { cardOf } from './card.ts';
import { interpret } from './interpret.ts';
import { jobClassOf } from './job-class.ts';
import { hasMemoryOutcome, memoryOutcomeOf } from './memory-outcome.ts';
import type { Row } from './row.ts';
import { hasStepOutcome, stepOutcomeOf } from './step-outcome.ts';
import { summarise } from './summary.ts';
import type { GradedRow, Metric, Validation } from './validation.ts';
import { METRICS } from './validation.ts';

/** What predictions are made with. */
export interface Predictor {
  readonly clusters: (name: string) => Cluster;
  readonly evaluate: (job: Job) => Evaluation;
}

export const gradeAll = (rows: readonly Row[], predictor: Predictor): Validation => {
  const graded = rows.flatMap((row) => grade(row, predictor));
  return { rows: graded, summary: summarise(graded) };
};

const grade = (row: Row, { clusters, evaluate: evaluateAfresh }: Predictor): readonly GradedRow[] => {
  const evaluate = remembered(evaluateAfresh);
  const metrics = metricsOf(row);
  if (metrics.length === 0) return [uncovered(row, 'step_s', nothingToGrade(row))];
  const interpretation = interpret(row, { clusters, peakOf: (job) => peakOf(evaluate(job)) });
  if (interpretation.kind === 'refused') return metrics.map((metric) => uncovered(row, metric, interpretation.reason));
  const { job, assumed } = interpretation;
  return metrics.map((metric) => GRADES[metric](row, { job, assumed, evaluate }));
};

/** Choosing a layout and grading each metric ask for the same evaluation. */
const remembered = (evaluate: Predictor['evaluate']): Predictor['evaluate'] => {
  const known = new Map<Job, Evaluation>();
  return (job) => {
    const evaluation = known.get(job) ?? evaluate(job);
    known.set(job, evaluation);
    return evaluation;
  };
};

const metricsOf = (row: Row): readonly Metric[] => {
  const has: Readonly<Record<Metric, boolean>> = {
    step_s: hasStepOutcome(row),
    memory_bytes: hasMemoryOutcome(row),
    oom: typeof row.measured['oom'] === 'boolean',
  };
  return METRICS.filter((metric) => has[metric]);
};

interface Settled {
  readonly job: Job;
  readonly assumed: readonly string[];
  readonly evaluate: Predictor['evaluate'];
}

const GRADES: Readonly<Record<Metric, (row: Row, settled: Settled) => GradedRow>> = {
  step_s: (row, { job, assumed, evaluate }) => {
    const outcome = stepOutcomeOf(row, job);
    if (outcome === null) return uncovered(row, 'step_s', `the measured values of ${row.id} give no step time`);
    const isLayer = outcome.value.of === 'layer';
    const words = isLayer ? ['time of a layer: what a second layer adds to a model of one'] : [];
    const graded = covered(row, 'step_s', {
      assumed: [...assumed, ...outcome.assumed, ...words],
      predicted: isLayer ? layerTime(job, evaluate) : evaluate(job).step,
      measured: outcome.value.seconds,
    });
    return { ...graded, jobClass: isLayer ? null : jobClassOf(job) };
  },
  memory_bytes: (row, { job, assumed, evaluate }) => {
    const outcome = memoryOutcomeOf(row, job);
    if (outcome === null) return uncovered(row, 'memory_bytes', `the measured values of ${row.id} give no memory`);
    return covered(row, 'memory_bytes', {
      assumed: [...assumed, ...outcome.assumed],
      predicted: memoryOf(evaluate(job), outcome.value.purposes),
      measured: outcome.value.bytes,
    });
  },
  oom: (row, { job, assumed, evaluate }) => {
    const predicted = Number(peakOf(evaluate(job)) > job.cluster.accelerator.memory.value);
    return covered(row, 'oom', { assumed, predicted, measured: Number(row.measured['oom']) });
  },
};

/** The fullest stage's bytes. */
const peakOf = ({ stages }: Evaluation): number => Math.max(...stages.map(({ memory }) => memory.total));

const memoryOf = ({ stages }: Evaluation, purposes: readonly Purpose[]): number =>
  Math.max(...stages.map(({ memory }) => purposes.reduce((total, purpose) => total + memory.byPurpose[purpose], 0)));

const LAYER_TERMS: readonly Term[] = ['matrix', 'attention', 'vector', 'recompute', 'tp'];

const layerTime = (job: Job, evaluate: Predictor['evaluate']): number => {
  const timeWith = (layers: number): number => {
    const terms = evaluate({ ...job, model: { ...job.model, layers } }).stages[0]?.terms;
    if (terms === undefined) throw new RangeError('an evaluation has at least one stage, got none');
    return LAYER_TERMS.reduce((total, term) => total + terms[term], 0);
  };
  return timeWith(2) - timeWith(1);
};

const identityOf = (row: Row) => ({
  id: row.id,
  suite: row.suite ?? 'none',
  group: row.group ?? row.id,
  tier: row.tier ?? 'none',
  card: cardOf(row),
  precision: row.precision ?? 'none',
  jobClass: null,
});

const covered = (
  row: Row,
  metric: Metric,
  { assumed, predicted, measured }: { assumed: readonly string[]; predicted: number; measured: number },
): GradedRow => ({
  ...identityOf(row),
  metric,
  covered: true,
  reason: null,
  assumed,
  predicted,
  measured,
  error: metric === 'oom' ? predicted - measured : predicted / measured - 1,
});

const uncovered = (row: Row, metric: Metric, reason: string): GradedRow => ({
  ...identityOf(row),
  metric,
  covered: false,
  reason,
  assumed: [],
  predicted: null,
  measured: null,
  error: null,
});

/** Outcomes that are known to be none of ours, each with what it is instead. */
const OTHER_OUTCOMES: readonly (readonly [field: RegExp, what: string])[] = [
  [/^max_params_b$/, 'the largest model that fits'],
  [/_min$/, 'a bound, not a value'],
  [/_range$/, 'a range, not a value'],
  [/gain/, 'a gain over another system'],
  [/^phase_/, 'the time of a part of the step'],
  [/^bubble_rate$/, 'the idle share of the step'],
  [/^hfu$/, 'hardware utilisation without a model utilisation beside it'],
];

const nothingToGrade = (row: Row): string => {
  const fields = Object.keys(row.measured).map((field) => {
    const what = OTHER_OUTCOMES.find(([pattern]) => pattern.test(field))?.[1];
    return what === undefined ? field : `${field} (${what})`;
  });
  const listed = fields.length === 0 ? 'nothing' : fields.join(', ');
  return `measured holds ${listed}: no step time, memory or out-of-memory verdict`;
};
