/** Jobs to try the laws on: every legal layout of a few ranks, and random jobs of every kind that an engine would start. */
import fc from 'fast-check';
import { ruleAgainst } from '../../src/plan/rules.ts';
import type { Job, Layout, Recompute, ScheduleName } from '../../src/scenario/job.ts';
import { PLAIN_LAYOUT, PRECISIONS, RECOMPUTE_MODULES, SCHEDULES, ZERO_STAGES } from '../../src/scenario/job.ts';
import type { Model } from '../../src/scenario/model.ts';
import { divisorsOf } from './collective-case.ts';
import { tinyCluster, tinyJob, tinySoftware } from './jobs.ts';

/** What a test fixes of a job, beside the layout. */
export type JobParts = Omit<NonNullable<Parameters<typeof tinyJob>[0]>, 'layout'>;

/** The grids of `devices` ranks: tensor, pipeline and data ranks. */
const gridsOf = (devices: number): readonly Pick<Layout, 'tp' | 'pp' | 'dp'>[] =>
  divisorsOf(devices).flatMap((tp) => divisorsOf(devices / tp).map((pp) => ({ tp, pp, dp: devices / tp / pp })));

/** Each schedule with the model chunks it may have. */
const PIPELINES: readonly Pick<Layout, 'schedule' | 'vp'>[] = SCHEDULES.flatMap((schedule: ScheduleName) =>
  (schedule === 'interleaved' ? [2, 4] : [1]).map((vp) => ({ schedule, vp })),
);

/** Every legal layout of `devices` ranks: grids, schedules, ZeRO stages, sequence parallel or not. */
export const legalJobs = (devices: number, parts: JobParts = {}): readonly Job[] =>
  gridsOf(devices)
    .flatMap((grid) =>
      PIPELINES.flatMap((pipeline) =>
        ZERO_STAGES.flatMap((zero) =>
          [false, true].map((sequenceParallel) =>
            tinyJob({ ...parts, layout: { ...grid, ...pipeline, zero, sequenceParallel } }),
          ),
        ),
      ),
    )
    .filter((job) => ruleAgainst(job) === null);

/** Every kind of dense model, small. */
const anyModel: fc.Arbitrary<Partial<Model>> = fc
  .record({
    layers: fc.integer({ min: 1, max: 9 }),
    kvHeads: fc.constantFrom(8, 4, 2, 1),
    headDim: fc.constantFrom(32, 48),
    ffn: fc.constantFrom(512, 1024, 688),
    gated: fc.boolean(),
    activation: fc.constantFrom('gelu' as const, 'silu' as const, 'relu' as const),
    norm: fc.constantFrom('layernorm' as const, 'rmsnorm' as const),
    parallelBlock: fc.boolean(),
    position: fc.constantFrom('learned' as const, 'rope' as const, 'alibi' as const, 'none' as const),
    vocabulary: fc.constantFrom(1024, 1000, 997),
    tied: fc.boolean(),
    bias: fc.record({ qkv: fc.boolean(), attentionOut: fc.boolean(), mlp: fc.boolean(), head: fc.boolean() }),
    embeddingNorm: fc.boolean(),
    dropout: fc.boolean(),
  })
  .map((model) => ({ ...model, positions: model.position === 'learned' ? 512 : 0 }));

const anyRecompute: fc.Arbitrary<Recompute> = fc.oneof(
  fc.constant({ kind: 'none' } as const),
  fc.record({
    kind: fc.constant('selective' as const),
    modules: fc.subarray([...RECOMPUTE_MODULES], { minLength: 1 }),
  }),
  fc.record({ kind: fc.constant('full' as const), layers: fc.constantFrom('all' as const, 1, 2) }),
);

const anyLayout = (devices: number): fc.Arbitrary<Layout> =>
  fc
    .record({
      grid: fc.constantFrom(...gridsOf(devices)),
      pipeline: fc.constantFrom(...PIPELINES),
      microbatch: fc.constantFrom(1, 2),
      zero: fc.constantFrom(...ZERO_STAGES),
      sequenceParallel: fc.boolean(),
    })
    .map(({ grid, pipeline, microbatch, zero, sequenceParallel }) => ({
      ...PLAIN_LAYOUT,
      ...grid,
      ...(grid.pp === 1 ? { schedule: '1f1b' as const, vp: 1 } : pipeline),
      microbatch,
      zero: grid.dp === 1 ? 0 : grid.pp > 1 && zero > 1 ? 1 : zero,
      sequenceParallel: sequenceParallel && grid.tp > 1,
    }));

/** A random job of so many ranks that an engine would start. */
export const anyJobOf = (devices: number): fc.Arbitrary<Job> =>
  fc
    .record({
      layout: anyLayout(devices),
      model: anyModel,
      rounds: fc.integer({ min: 1, max: 4 }),
      precision: fc.constantFrom(...PRECISIONS.filter((precision) => precision !== 'nvfp4')),
      recompute: anyRecompute,
      attention: fc.constantFrom('flash' as const, 'unfused' as const),
      overlap: fc.boolean(),
      scaleUpDomain: fc.constantFrom(...divisorsOf(devices)),
      seed: fc.nat(1000),
    })
    .map(({ layout, model, rounds, precision, recompute, attention, overlap, scaleUpDomain, seed }) =>
      tinyJob({
        layout,
        model,
        workload: {
          globalBatch: layout.microbatch * layout.dp * (layout.schedule === 'interleaved' ? layout.pp : 1) * rounds,
        },
        cluster: { ...tinyCluster, scaleUpDomain, devicesPerNode: scaleUpDomain },
        precision,
        recompute,
        software: { ...tinySoftware, attention, overlap },
        seed,
      }),
    )
    .filter((job) => ruleAgainst(job) === null);

export const anyJob: fc.Arbitrary<Job> = fc.constantFrom(1, 2, 4, 6, 8).chain(anyJobOf);

/** A job in a line, for a complaint. */
export const nameOf = ({ layout, precision, recompute, software, workload, cluster }: Job): string =>
  JSON.stringify({
    layout,
    precision,
    recompute,
    batch: workload.globalBatch,
    attention: software.attention,
    overlap: software.overlap,
    domain: cluster.scaleUpDomain,
  });

/**
 * True when all ranks of a stage are in the same position towards the fabric: tensor groups, stages and domains nest. One
 * rank can stand for its stage only then; elsewhere some groups of a stage straddle a domain's edge and others do not.
 */
export const fitsDomains = ({ layout: { tp, dp }, cluster: { scaleUpDomain } }: Job): boolean =>
  [tp, tp * dp].every((run) => run % scaleUpDomain === 0 || scaleUpDomain % run === 0);
