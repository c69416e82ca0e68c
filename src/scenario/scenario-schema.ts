/** The keys of a scenario, apart from what a model and a cluster are made of. */
import { z } from 'zod';
import { conditionsSchema } from './conditions-schema.ts';
import { clusterSchema } from './cluster-schema.ts';
import type { Offload, Recompute } from './job.ts';
import { CONTEXT_KINDS, NO_OFFLOAD, PRECISIONS, RECOMPUTE_MODULES, SCHEDULES, ZERO_STAGES } from './job.ts';
import { ALLOCATOR_OVERHEAD, EXPERT_IMBALANCE, PRECISION } from './defaults.ts';
import { ratio } from '../units/quantity.ts';
import { LAYERS_MAX, modelSchema } from './model-schema.ts';
import { runShape } from './real-run-schema.ts';
import { reliabilitySchema } from './reliability-schema.ts';
import type { ContextRanks } from './scenario.ts';
import { BREADTHS } from './scenario.ts';
import { axis, closed, count, figure, flag, oneOf, share, size, whole, words } from './shape.ts';

const schedule = oneOf(SCHEDULES);
/** Cards, and the ranks along each axis of their grid. */
const degree = axis(whole(1, 1_000_000), 'a whole number of at least 1');

/** A size, searched over both kinds, or a size with its kind. */
const context = z
  .union(
    [
      whole(1, 1_000_000),
      closed({ size: whole(1, 1_000_000), kind: oneOf(CONTEXT_KINDS).optional() }, 'a size, or {size, kind}'),
    ],
    { error: 'a whole number of at least 1, or {size: 4, kind: ring}' },
  )
  .transform((written): ContextRanks =>
    typeof written === 'number' ? { size: written, kind: null } : { size: written.size, kind: written.kind ?? null },
  );
const contextAxis = axis(context, 'a whole number of at least 1, or {size: 4, kind: ring}');
const layersAtEnd = axis(whole(0, LAYERS_MAX), 'a number of layers');

/** Each axis: one value is obeyed, a list is searched, an absent axis is searched over everything legal. */
export const layoutShape = {
  tp: degree,
  cp: contextAxis,
  ep: degree,
  etp: degree,
  pp: degree,
  vp: degree,
  firstLayers: layersAtEnd,
  lastLayers: layersAtEnd,
  dp: degree,
  replicas: degree,
  microbatch: degree,
  schedule: axis(schedule, `one of ${SCHEDULES.join(', ')}`),
  zero: axis(z.literal(ZERO_STAGES, { error: 'one of 0, 1, 2, 3' }), 'one of 0, 1, 2, 3'),
  sequenceParallel: axis(flag, 'true or false'),
};

/** Null when absent: every legal value is searched. */
const searched = <Value>(values: z.ZodType<readonly Value[]>) => values.optional().transform((given) => given ?? null);

const layout = closed(
  {
    tp: searched(layoutShape.tp).describe('Tensor parallel ranks.'),
    pp: searched(layoutShape.pp).describe('Pipeline stages.'),
    vp: searched(layoutShape.vp).describe(
      'Model chunks a pipeline rank: 2 or more with interleaved, 2 with zb-v and dualpipe, otherwise 1.',
    ),
    cp: searched(layoutShape.cp).describe(
      'Context parallel ranks: a number, or {size, kind: ring | all-to-all}. Absent: 1, more for long sequences.',
    ),
    ep: searched(layoutShape.ep).describe('Expert parallel ranks.'),
    etp: searched(layoutShape.etp).describe('Tensor parallel ranks of an expert. Absent: 1 or tp.'),
    firstLayers: searched(layoutShape.firstLayers).describe('Layers of the first model chunk. Absent: the even split.'),
    lastLayers: searched(layoutShape.lastLayers).describe('Layers of the last model chunk. Absent: the even split.'),
    dp: searched(layoutShape.dp).describe('Data parallel ranks. Absent: devices / (tp cp pp).'),
    replicas: searched(layoutShape.replicas).describe(
      'Hybrid sharding: groups of data ranks that each hold all of what ZeRO shards. Absent: 1.',
    ),
    microbatch: searched(layoutShape.microbatch).describe('Sequences a microbatch.'),
    schedule: searched(layoutShape.schedule),
    zero: searched(layoutShape.zero).describe('ZeRO stage: 1 optimizer, 2 gradients, 3 weights sharded over dp.'),
    sequenceParallel: searched(layoutShape.sequenceParallel).describe('Norms and dropouts sharded along the sequence.'),
  },
  'a mapping of axes',
);

export const workloadShape = {
  sequence: whole(1, 100_000_000),
  globalBatch: whole(1, 1_000_000),
  tokens: count.refine((tokens) => tokens > 0, { error: '0 tokens train nothing; wanted a number such as 300B' }),
};
const workload = closed(
  {
    kind: z.literal('pretrain', { error: 'pretrain, the only kind this version has' }).default('pretrain'),
    sequence: workloadShape.sequence.describe('Tokens a sequence.'),
    globalBatch: workloadShape.globalBatch.describe('Sequences a step.'),
    tokens: workloadShape.tokens
      .optional()
      .transform((given) => given ?? null)
      .describe('Tokens of the whole run. Absent: only the step is asked about.'),
  },
  'a mapping of sequence, globalBatch and tokens',
);

const recomputeWanted = 'none, selective, full, {full: layers} or {selective: [modules]}';
const recompute = z
  .union(
    [
      z.enum(['none', 'selective', 'full'], { error: recomputeWanted }),
      closed(
        {
          full: whole(1, LAYERS_MAX).optional().describe('Layers of each model chunk.'),
          selective: z
            .array(oneOf(RECOMPUTE_MODULES), { error: `a list of ${RECOMPUTE_MODULES.join(', ')}` })
            .min(1, { error: `a list of at least one of ${RECOMPUTE_MODULES.join(', ')}` })
            .optional(),
        },
        recomputeWanted,
      ).refine(({ full, selective }) => (full === undefined) !== (selective === undefined), {
        error: 'exactly one of full and selective is wanted',
        when: ({ issues }) => issues.length === 0,
      }),
    ],
    { error: recomputeWanted },
  )
  .transform((written): Recompute => {
    if (written === 'none') return { kind: 'none' };
    if (written === 'full') return { kind: 'full', layers: 'all' };
    if (written === 'selective') return { kind: 'selective', modules: ['core_attn'] };
    if (written.selective !== undefined) return { kind: 'selective', modules: written.selective };
    return { kind: 'full', layers: written.full ?? 'all' };
  });

const offloadWanted = 'none, or {optimizer: dram, activations: 0.5}';
const offload = z
  .union(
    [
      z.literal('none', { error: offloadWanted }),
      closed(
        {
          optimizer: oneOf(['none', 'dram']).default('none').describe("The optimizer's states and step on the host."),
          activations: share.default(ratio(0)).describe('Share of the layers whose activations wait on the host.'),
        },
        offloadWanted,
      ),
    ],
    { error: offloadWanted },
  )
  .transform((written): Offload => (written === 'none' ? NO_OFFLOAD : written));

const memory = closed(
  {
    offload: searched(axis(offload, offloadWanted)).describe('A list is searched. Absent: none.'),
    margin: share
      .refine((margin) => margin < 1, {
        error: ({ input }) => `a margin of ${String(input)} leaves no memory at all; wanted less than 1`,
      })
      .prefault('5%')
      .describe("Share of the card's memory that a plan leaves free: the winner of many estimates is biased upwards."),
  },
  'a mapping of offload and margin',
);

const software = closed(
  {
    attention: oneOf(['flash', 'unfused']).default('flash'),
    overlap: flag.default(true).describe('Gradient and parameter traffic travels beside compute.'),
    expertImbalance: figure(z.number().min(1, { error: '1 or more' }).transform(ratio))
      .optional()
      .transform((given) => given ?? EXPERT_IMBALANCE)
      .describe("Tokens of the busiest rank's experts over the mean. Absent: 1."),
    expertCapacity: z
      .number({ error: 'a number such as 1.25' })
      .positive({ error: 'a number above 0' })
      .optional()
      .transform((given) => given ?? null)
      .describe('Tokens an expert takes at most, over the mean; the rest is dropped. Absent: dropless.'),
    frameworkMemory: figure(size)
      .optional()
      .describe("Held by the framework on every card. Absent: the cluster's runtimeMemory, 3GiB of a GPU."),
    allocatorOverhead: figure(share)
      .optional()
      .transform((given) => given ?? ALLOCATOR_OVERHEAD)
      .describe('Share of the allocated bytes lost by the allocator. Absent: 3%.'),
  },
  'a mapping of attention, overlap, expertImbalance, expertCapacity, frameworkMemory and allocatorOverhead',
);

export const devicesAxis = degree;
export const precisionAxis = axis(oneOf(PRECISIONS), `one of ${PRECISIONS.join(', ')}`);
export const recomputeAxis = axis(recompute, recomputeWanted);

const shape = {
  devices: devicesAxis.describe('How many cards: a number, or a list to compare.'),
  workload,
  layout: layout.prefault({}).describe('What is absent is searched.'),
  precision: precisionAxis.prefault(PRECISION),
  recompute: searched(recomputeAxis).describe('Absent: none, selective and full are searched.'),
  memory: memory.prefault({}),
  software: software.prefault({}),
  search: oneOf(BREADTHS)
    .default('usual')
    .describe('What a free axis tries: what most people use, or everything that is legal.'),
  conditions: conditionsSchema.prefault({}),
  reliability: reliabilitySchema.optional(),
  seed: whole(0).default(1),
  ...runShape,
};

/** As it is parsed: the model and the cluster are read first, since they may stand in other files. */
export const scenarioSchema = closed(
  { model: z.unknown().optional(), cluster: z.unknown().optional(), ...shape },
  'a scenario',
);

/** Changes to a named entry may go to any depth, so only their first level is checked in the editor. */
const changesTo = (shape: z.ZodRawShape): z.ZodType =>
  closed({ base: words, ...Object.fromEntries(Object.keys(shape).map((key) => [key, z.unknown().optional()])) });

export const publishedModelSchema = z.union([modelSchema, changesTo(modelSchema.shape)]);
export const publishedClusterSchema = z.union([clusterSchema, changesTo(clusterSchema.shape)]);

/** As it is published for editors. */
export const publishedSchema = closed({
  model: z.union([words, closed({ hf: words }), publishedModelSchema]),
  cluster: z.union([words, publishedClusterSchema]),
  ...shape,
});
