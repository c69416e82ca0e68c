/** Plans of every shape, drawn at random but whole: terms add up to the step, blocks to the peak. */
import fc from 'fast-check';
import type { Arbitrary } from 'fast-check';
import { AXES } from '../../src/effects/group.ts';
import { PURPOSES } from '../../src/memory/purpose.ts';
import type { Candidate, Infeasible, Neighbour, Plan, Verdict } from '../../src/plan/plan.ts';
import { keyed } from '../../src/report/json.ts';
import { CALM } from '../../src/scenario/conditions.ts';
import type { Job } from '../../src/scenario/job.ts';
import { NO_OFFLOAD, PLAIN_LAYOUT, PRECISIONS } from '../../src/scenario/job.ts';
import { DEFAULT_TRAINING } from '../../src/scenario/training.ts';
import { FREE } from '../../src/plan/edits.ts';
import type { Scenario } from '../../src/scenario/scenario.ts';
import type { StageReport } from '../../src/sim/evaluation.ts';
import { TERMS } from '../../src/sim/evaluation.ts';
import type { Joules, Quantity } from '../../src/units/quantity.ts';
import { bytes, dollars, flops, seconds } from '../../src/units/quantity.ts';
import type { BandsFile } from '../../src/validate/bands.ts';
import { PLAIN_RUN } from '../worlds/plain-run.ts';
import { cluster, model, ratio, software } from './report-question.ts';

const powers = (largest: number): Arbitrary<number> => fc.nat(largest).map((exponent) => 2 ** exponent);

const jobs: Arbitrary<Job> = fc
  .record({
    tp: powers(3),
    pp: powers(4),
    dp: powers(6),
    microbatch: powers(3),
    zero: fc.constantFrom(0 as const, 1 as const, 2 as const, 3 as const),
    isInterleaved: fc.boolean(),
    sequenceParallel: fc.boolean(),
    precision: fc.constantFrom(...PRECISIONS),
    recompute: fc.constantFrom<Job['recompute'][]>(
      { kind: 'none' },
      { kind: 'selective', modules: ['core_attn', 'layernorm', 'mlp_act'] },
      { kind: 'full', layers: 'all' },
      { kind: 'full', layers: 12 },
    ),
    hasTokens: fc.boolean(),
  })
  .map(({ tp, pp, dp, isInterleaved, precision, recompute, hasTokens, ...rest }) => ({
    model,
    cluster,
    devices: tp * pp * dp,
    workload: { kind: 'pretrain', sequence: 2048, globalBatch: 1536, tokens: hasTokens ? 300e9 : null },
    layout: {
      ...PLAIN_LAYOUT,
      tp,
      pp,
      vp: isInterleaved ? 4 : 1,
      dp,
      microbatch: rest.microbatch,
      schedule: isInterleaved ? 'interleaved' : '1f1b',
      zero: rest.zero,
      sequenceParallel: rest.sequenceParallel,
    },
    precision,
    recompute,
    offload: NO_OFFLOAD,
    software,
    training: DEFAULT_TRAINING,
    seed: 1,
  }));

const positive = fc.double({ min: 1e-6, max: 30, noNaN: true });

const stage = (index: number): Arbitrary<StageReport> =>
  fc
    .record({
      terms: fc.array(fc.oneof(positive, fc.constant(0)), { minLength: TERMS.length, maxLength: TERMS.length }),
      blocks: fc.array(fc.nat(12 * 2 ** 30), { minLength: PURPOSES.length, maxLength: PURPOSES.length }),
    })
    .map(({ terms, blocks }) => ({
      stage: index,
      layers: [3],
      parameters: 1_000_000,
      terms: keyed(TERMS, (term) => seconds(terms[TERMS.indexOf(term)] ?? 0)),
      memory: {
        total: bytes(blocks.reduce((total, block) => total + block, 0)),
        byPurpose: keyed(PURPOSES, (purpose) => bytes(blocks[PURPOSES.indexOf(purpose)] ?? 0)),
        moment: `backward of microbatch ${index}, model chunk 0`,
      },
      host: bytes(0),
      copied: { hbm: bytes(0), dram: bytes(0) },
      filledAt: seconds(0.5),
      drainsAt: seconds(1.5),
    }));

const spent = ({ terms }: StageReport): number => TERMS.reduce((total, term) => total + terms[term], 0);

/** All stages end together: whoever has less to do waits in the bubble. */
const waitingForSlowest = (stages: readonly StageReport[]): readonly StageReport[] => {
  const step = Math.max(...stages.map(spent)) + 1e-3;
  return stages.map((report) => ({
    ...report,
    terms: { ...report.terms, bubble: seconds(report.terms.bubble + (step - spent(report))) },
  }));
};

const candidateOf = (job: Job): Arbitrary<Candidate> =>
  fc
    .record({
      stages: fc.tuple(...Array.from({ length: job.layout.pp }, (_stage, index) => stage(index))),
      mfu: fc.double({ min: 0.01, max: 0.9, noNaN: true }),
    })
    .map(({ stages: drawn, mfu }) => {
      const stages = waitingForSlowest(drawn);
      const step = seconds(Math.max(...stages.map(spent)));
      const worst = stages.toSorted((a, b) => b.memory.total - a.memory.total)[0];
      if (worst === undefined) throw new RangeError('a pipeline has a stage');
      const capacity = cluster.accelerator.memory.value;
      return {
        job,
        evaluation: {
          fidelity: 'folded',
          step,
          stages,
          hardwareFlops: flops(1e18),
          sent: keyed(AXES, (axis) => bytes(1e8 * AXES.indexOf(axis))),
          host: bytes(0),
        },
        outlook: {
          tokensPerSecond: (1536 * 2048) / step,
          tokensPerDay: (1536 * 2048 * 86_400) / step,
          tokensPerSecondPerDevice: (1536 * 2048) / step / job.devices,
          utilisation: { mfuFull: mfu, mfuCausal: mfu * 0.97, mfu6nd: mfu * 0.95, hfu: mfu * 1.02, peakDtype: 'bf16' },
          memory: {
            stage: worst.stage,
            peak: worst.memory.total,
            capacity,
            headroom: (capacity - worst.memory.total) as Quantity<'B'>,
          },
          run: job.workload.tokens === null ? null : runOf(step, job.devices),
        },
      };
    });

const runOf = (step: number, devices: number): NonNullable<Candidate['outlook']['run']> => {
  const steps = Math.ceil(300e9 / (1536 * 2048));
  const hours = (steps * step) / 3600;
  return {
    steps,
    time: seconds(steps * step),
    days: hours / 24,
    deviceHours: hours * devices,
    dollars: { low: dollars(hours * devices * 1.2), high: dollars(hours * devices * 4) },
    energy: (hours * devices * 960 * 3600) as Joules,
  };
};

export const candidates: Arbitrary<Candidate> = jobs.chain(candidateOf);

const verdicts: Arbitrary<Verdict> = fc.constantFrom<Verdict[]>(
  { kind: 'rule', rule: 'tp divides heads' },
  { kind: 'memory', stage: 3, peak: bytes(90 * 2 ** 30), limit: bytes(76 * 2 ** 30) },
  { kind: 'bound', bound: seconds(13.5) },
  { kind: 'simulated', step: seconds(14.25) },
);

const neighbours: Arbitrary<Neighbour> = fc.record({
  change: fc.constantFrom('tp 8 -> 4, dp 16 -> 32', 'microbatch 1 -> 2', 'schedule 1f1b -> interleaved, vp 1 -> 4'),
  job: jobs,
  verdict: verdicts,
  reason: fc.lorem({ maxCount: 10 }),
});

const counts = fc.nat(1_000_000).map((simulated) => ({
  considered: simulated + 60,
  byRule: 10,
  byMemory: 20,
  byBound: 30,
  simulated,
}));

const scenarioOf = (job: Job): Scenario => ({
  title: 'How long does GPT-3 175B take on 1,024 A100?',
  model,
  cluster,
  devices: [job.devices],
  workload: job.workload,
  layout: FREE,
  offload: [NO_OFFLOAD],
  conditions: CALM,
  reliability: null,
  precision: ['bf16'],
  recompute: null,
  software,
  search: 'usual',
  memoryMargin: ratio(0.05),
  ...PLAIN_RUN,
  seed: 1,
});

/** With a band for the class of every drawn job, with bands for other classes alone, or with none. */
export const bandsFiles: Arbitrary<BandsFile> = fc
  .record({
    classes: fc.constantFrom(
      ['Ampere in 16 bits', 'Ampere in fp8', 'Ampere in fp4', 'Ampere in fp32'],
      ['Hopper in fp8'],
      [],
    ),
    rows: fc.integer({ min: 1, max: 400 }),
    low: fc.double({ min: 0.5, max: 1.2, noNaN: true }),
    spread: fc.double({ min: 0, max: 2, noNaN: true }),
  })
  .map(({ classes, rows, low, spread }) => ({
    schema: 'angel-sim.bands/1',
    rows: rows * classes.length,
    classes: classes.map((name) => {
      const median = low + spread / 2;
      return { class: name, rows, low, median, high: low + spread, median_error: 1 / median - 1 };
    }),
  }));

export const plans: Arbitrary<Plan> = candidates.chain((winner) =>
  fc.record({
    kind: fc.constant('plan' as const),
    scenario: fc.constant(scenarioOf(winner.job)),
    winner: fc.constant(winner),
    runnersUp: fc.array(candidates, { maxLength: 3 }),
    front: fc.array(candidates, { maxLength: 8 }).map((others) => [winner, ...others]),
    neighbours: fc.array(neighbours, { maxLength: 6 }),
    counts,
    complete: fc.boolean(),
  }),
);

export const infeasibles: Arbitrary<Infeasible> = candidates.chain((outcome) =>
  fc.record({
    kind: fc.constant('infeasible' as const),
    scenario: fc.constant(scenarioOf(outcome.job)),
    binding: fc.record({
      verdict: verdicts,
      job: fc.constantFrom(outcome.job, null),
      text: fc.lorem({ maxCount: 40 }),
    }),
    fixes: fc.array(
      fc.constant({
        edits: [
          { key: 'devices', value: '2048' },
          { key: 'recompute', value: 'full' },
        ],
        outcome,
      }),
      { maxLength: 3 },
    ),
    counts,
  }),
);
