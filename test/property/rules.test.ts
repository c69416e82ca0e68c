/** Laws of the rules: published layouts are legal, each rule refuses what it names, and a fixed question is judged alike at the door. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ruleAgainst } from '../../src/plan/rules.ts';
import { contradictions } from '../../src/scenario/contradictions.ts';
import type { Job, Layout } from '../../src/scenario/job.ts';
import { microbatchesOf, PRECISIONS, SCHEDULES, ZERO_STAGES } from '../../src/scenario/job.ts';
import type { Model } from '../../src/scenario/model.ts';
import { readTree } from '../../src/scenario/tree.ts';
import { folded } from '../../src/sim/folded.ts';
import { tinyJob } from '../worlds/jobs.ts';

const gpt3: Partial<Model> = { layers: 96, hidden: 12_288, heads: 96, kvHeads: 96, headDim: 128, ffn: 49_152 };
const megatron1t: Partial<Model> = {
  layers: 128,
  hidden: 25_600,
  heads: 160,
  kvHeads: 160,
  headDim: 160,
  ffn: 102_400,
};
const llama405b: Partial<Model> = {
  layers: 126,
  hidden: 16_384,
  heads: 128,
  kvHeads: 8,
  headDim: 128,
  ffn: 53_248,
  gated: true,
  position: 'rope',
  positions: 0,
  vocabulary: 128_256,
};

interface Published {
  readonly name: string;
  readonly model: Partial<Model>;
  readonly layout: Partial<Layout>;
  readonly globalBatch: number;
}
const published: readonly Published[] = [
  {
    name: 'GPT-3 175B on 64 cards, Korthikanti et al. 2022, table 3',
    model: gpt3,
    layout: { tp: 8, pp: 8, vp: 3, schedule: 'interleaved', sequenceParallel: true },
    globalBatch: 64,
  },
  {
    name: '1T on 512 cards, Korthikanti et al. 2022, table 3',
    model: megatron1t,
    layout: { tp: 8, pp: 64, sequenceParallel: true },
    globalBatch: 512,
  },
  {
    name: '1T on 3072 cards, Narayanan et al. SC21, table 1',
    model: megatron1t,
    layout: { tp: 8, pp: 64, dp: 6 },
    globalBatch: 3072,
  },
  {
    name: 'Llama 3 405B, two layers short of 16 equal stages, Grattafiori et al. 2024, section 3.3.2',
    model: llama405b,
    layout: { tp: 8, pp: 16, dp: 128, zero: 1, sequenceParallel: true },
    globalBatch: 2048,
  },
  {
    name: 'Llama 3 405B with a layer a model chunk, the first and the last without one',
    model: llama405b,
    layout: { tp: 8, pp: 16, vp: 8, dp: 2, schedule: 'interleaved', zero: 1, sequenceParallel: true },
    globalBatch: 64,
  },
];

describe('a published layout', () => {
  test.each(published)('is legal: $name', ({ model, layout, globalBatch }) => {
    expect(ruleAgainst(tinyJob({ model, layout, workload: { globalBatch, sequence: 2048 } }))).toBeNull();
  });

  test('with a layer a model chunk runs, ends without layers included', () => {
    const layout = { tp: 2, pp: 4, vp: 2, schedule: 'interleaved' as const };
    const job = tinyJob({ model: { layers: 6 }, layout, workload: { globalBatch: 4 } });
    expect(ruleAgainst(job)).toBeNull();
    const { stages, step } = folded(job);
    expect(stages.map(({ layers }) => layers)).toEqual([
      [0, 1],
      [1, 1],
      [1, 1],
      [1, 0],
    ]);
    expect(step).toBeGreaterThan(0);
  });
});

/** A legal job, and for each rule a change that breaks it alone. */
const broken: readonly (readonly [string, Parameters<typeof tinyJob>[0]])[] = [
  ['tp 2 x pp 2 does not divide 6 devices', { devices: 6, layout: { tp: 2, pp: 2, dp: 1.5 } }],
  ['tp 3 does not divide 8 heads', { layout: { tp: 3 } }],
  ['tp 4 does not divide 2 key-value heads', { layout: { tp: 4 }, model: { kvHeads: 2 } }],
  ['tp 2 does not divide 257 hidden', { layout: { tp: 2 }, model: { hidden: 257 } }],
  ['tp 2 does not divide 1023 ffn', { layout: { tp: 2 }, model: { ffn: 1023 } }],
  ['sequence parallelism needs tp > 1', { layout: { sequenceParallel: true } }],
  [
    'tp 8 does not divide a sequence of 132',
    { layout: { tp: 8, sequenceParallel: true }, workload: { sequence: 132 } },
  ],
  ['8 layers do not split over pp 7 x vp 1', { layout: { pp: 7 } }],
  ['8 layers do not split over pp 4 x vp 4', { layout: { pp: 4, vp: 4, schedule: 'interleaved' } }],
  ['a batch of 8 does not split into microbatches of 3 on dp 1', { layout: { microbatch: 3 } }],
  ['a batch of 8 does not split into microbatches of 2 on dp 8', { layout: { microbatch: 2, dp: 8 } }],
  ['schedule gpipe without a pipeline is 1f1b', { layout: { schedule: 'gpipe' } }],
  ['ZeRO 2 does not go with a pipeline', { layout: { zero: 2, pp: 2, dp: 2 } }],
  ['ZeRO 3 does not go with a pipeline', { layout: { zero: 3, pp: 2, dp: 2 } }],
  ['ZeRO 1 needs dp > 1', { layout: { zero: 1 } }],
  [
    '5 layers to recompute are more than the 4 of a model chunk',
    { layout: { pp: 2 }, recompute: { kind: 'full', layers: 5 } },
  ],
];

describe('a rule', () => {
  test.each(broken)('says what it refuses: %s', (rule, parts) => {
    expect(ruleAgainst(tinyJob(parts))).toBe(rule);
  });

  test.each([
    [{ pp: 2, vp: 1, schedule: 'interleaved' as const }, /^schedule interleaved /u],
    [{ pp: 2, vp: 2, schedule: '1f1b' as const }, /^schedule 1f1b /u],
    [{ pp: 2, vp: 2, schedule: 'gpipe' as const }, /^schedule gpipe /u],
    // Seven microbatches are no whole groups of two.
    [{ pp: 2, vp: 2, schedule: 'interleaved' as const }, /^schedule interleaved .*7/u],
  ])('leaves schedules to judge their pipelines: %j', (layout, rule) => {
    expect(ruleAgainst(tinyJob({ layout, workload: { globalBatch: 7 } }))).toMatch(rule);
  });
});

const anyLayout: fc.Arbitrary<Layout> = fc.record({
  cp: fc.constant(1),
  contextKind: fc.constant('ring' as const),
  ep: fc.constant(1),
  etp: fc.constant(1),
  firstLayers: fc.constant(null),
  lastLayers: fc.constant(null),
  replicas: fc.constant(1),
  tp: fc.constantFrom(1, 2, 3, 4, 8),
  pp: fc.constantFrom(1, 2, 3, 4, 5, 8),
  vp: fc.constantFrom(1, 1, 2, 3),
  dp: fc.constantFrom(1, 2, 3, 4),
  microbatch: fc.constantFrom(1, 1, 2, 3),
  schedule: fc.constantFrom(...SCHEDULES),
  zero: fc.constantFrom(...ZERO_STAGES),
  sequenceParallel: fc.boolean(),
});

const anyFixedJob: fc.Arbitrary<Job> = fc
  .record({
    layout: anyLayout,
    layers: fc.integer({ min: 1, max: 12 }),
    kvHeads: fc.constantFrom(8, 4, 1),
    globalBatch: fc.integer({ min: 1, max: 24 }),
    sequence: fc.constantFrom(96, 100, 128),
    precision: fc.constantFrom(...PRECISIONS.filter((precision) => precision !== 'nvfp4')),
    recompute: fc.constantFrom({ kind: 'none' } as const, { kind: 'full', layers: 3 } as const),
  })
  .map(({ layers, kvHeads, globalBatch, sequence, ...rest }) =>
    tinyJob({ ...rest, model: { layers, kvHeads }, workload: { globalBatch, sequence } }),
  );

/** What the reader of scenarios says of a question with every axis fixed. */
const complaintsAbout = ({ layout, model, cluster, devices, workload, precision, recompute }: Job) => {
  const { sequence, globalBatch, tokens } = workload;
  const fixed = {
    ...layout,
    model,
    cluster,
    devices,
    sequence,
    globalBatch,
    tokens,
    precision: [precision],
    recompute,
  };
  return contradictions(fixed, readTree({ file: 'run.yaml', text: 'seed: 1' }).tree!);
};

test('a question with every axis fixed is refused at the door just when a rule refuses it', () => {
  let refused = 0;
  fc.assert(
    fc.property(anyFixedJob, (job) => {
      const rule = ruleAgainst(job);
      // What only engines mind is left to the planner: it may search for another schedule or ZeRO stage.
      fc.pre(rule === null || !/^ZeRO|without a pipeline|dualpipe needs (an even|at least)/u.test(rule));
      refused += rule === null ? 0 : 1;
      const complaints = complaintsAbout(job).map(({ message }) => message);
      expect(complaints.length > 0, `${rule}; ${complaints.join('; ')}`).toBe(rule !== null);
    }),
    { numRuns: 2000 },
  );
  expect(refused).toBeGreaterThan(100);
});

test('a legal job has whole microbatches and a grid that fills its devices', () => {
  fc.assert(
    fc.property(
      anyFixedJob.filter((job) => ruleAgainst(job) === null),
      (job) => {
        const { tp, pp, dp } = job.layout;
        expect(tp * pp * dp).toBe(job.devices);
        expect(Number.isInteger(microbatchesOf(job))).toBe(true);
      },
    ),
    { numRuns: 50 },
  );
});
