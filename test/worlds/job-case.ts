/** Jobs to try the laws on: every legal layout of a few ranks, and random jobs of every kind that an engine would start. */
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { hasModule, ruleAgainst } from '../../src/plan/rules.ts';
import type { Job, Layout, Recompute, ScheduleName } from '../../src/scenario/job.ts';
import { CONTEXT_KINDS, PRECISIONS, RECOMPUTE_MODULES, SCHEDULES, ZERO_STAGES } from '../../src/scenario/job.ts';
import { positionCount } from '../../src/scenario/layer-split.ts';
import type { Model } from '../../src/scenario/model.ts';
import type { Family } from './any-model.ts';
import { anyFamily } from './any-model.ts';
import { divisorsOf } from './collective-case.ts';
import { tinyCluster, tinyJob, tinyModel, tinySoftware } from './jobs.ts';

/** What a test fixes of a job, beside the layout. */
export type JobParts = Omit<NonNullable<Parameters<typeof tinyJob>[0]>, 'layout'>;

/** Model chunks a stage that a schedule may have, of those worth trying. */
const CHUNKS: Readonly<Record<ScheduleName, readonly number[]>> = {
  gpipe: [1],
  '1f1b': [1],
  interleaved: [2, 4],
  'zb-h1': [1],
  'zb-v': [2],
  dualpipe: [2],
};

type Grid = Pick<Layout, 'tp' | 'cp' | 'pp' | 'dp'>;

/** The grids of `devices` ranks: tensor, context, pipeline and data ranks. */
const gridsOf = (devices: number): readonly Grid[] =>
  divisorsOf(devices).flatMap((tp) =>
    divisorsOf(devices / tp).flatMap((cp) =>
      divisorsOf(devices / tp / cp).map((pp) => ({ tp, cp, pp, dp: devices / tp / cp / pp })),
    ),
  );

/** Each schedule with the model chunks it may have. */
const PIPELINES: readonly Pick<Layout, 'schedule' | 'vp'>[] = SCHEDULES.flatMap((schedule) =>
  CHUNKS[schedule].map((vp) => ({ schedule, vp })),
);

/** Every legal layout of `devices` ranks: grids, schedules, ZeRO stages, sequence parallel or not, experts spread or not. */
export const legalJobs = (devices: number, parts: JobParts = {}): readonly Job[] =>
  gridsOf(devices)
    .flatMap((grid) =>
      (grid.cp === 1 ? CONTEXT_KINDS.slice(0, 1) : CONTEXT_KINDS).map((contextKind) => ({ ...grid, contextKind })),
    )
    .flatMap((grid) => PIPELINES.map((pipeline) => ({ ...grid, ...pipeline })))
    .flatMap((grid) => expertGridsOf(grid, parts).map((experts) => ({ ...grid, ...experts })))
    .flatMap((grid) => ZERO_STAGES.map((zero) => ({ ...grid, zero })))
    .flatMap((grid) => [false, true].map((sequenceParallel) => ({ ...grid, sequenceParallel })))
    .map((layout) => tinyJob({ ...parts, layout }))
    .filter((job) => ruleAgainst(job) === null);

/** Expert ranks and an expert's tensor ranks: of a dense model one of each. */
const expertGridsOf = ({ tp, cp, dp }: Grid, { model }: JobParts): readonly Pick<Layout, 'ep' | 'etp'>[] =>
  (model?.experts ?? null) === null
    ? [{ ep: 1, etp: 1 }]
    : divisorsOf(tp * cp * dp).flatMap((ep) => divisorsOf((tp * cp * dp) / ep).map((etp) => ({ ep, etp })));

const anyRecompute: fc.Arbitrary<Recompute> = fc.oneof(
  fc.constant({ kind: 'none' } as const),
  fc.record({
    kind: fc.constant('selective' as const),
    modules: fc.subarray([...RECOMPUTE_MODULES], { minLength: 1 }),
  }),
  fc.record({ kind: fc.constant('full' as const), layers: fc.constantFrom('all' as const, 1, 2) }),
);

const recomputeFor = (model: Model, recompute: Recompute): Recompute => {
  if (recompute.kind !== 'selective') return recompute;
  const modules = recompute.modules.filter((module) => hasModule(model, module));
  return modules.length === 0 ? { kind: 'none' } : { kind: 'selective', modules };
};

/** Whatever a layout may be, of so many ranks; most of what it cannot be for a model is left out when it is known. */
const anyLayout = (devices: number): fc.Arbitrary<Layout> =>
  fc
    .record({
      grid: fc.constantFrom(...gridsOf(devices)),
      pipeline: fc.constantFrom(...PIPELINES),
      contextKind: fc.constantFrom(...CONTEXT_KINDS),
      microbatch: fc.constantFrom(1, 2),
      zero: fc.constantFrom(...ZERO_STAGES),
      sequenceParallel: fc.boolean(),
      ep: fc.constantFrom(1, 2, 4, 8),
      etp: fc.constantFrom(1, 1, 2, 4),
      replicas: fc.constantFrom(1, 1, 2),
      firstLayers: fc.constantFrom(null, null, 1, 2),
      lastLayers: fc.constantFrom(null, null, 1, 2),
    })
    .map(({ grid, pipeline, ...rest }) => {
      const { tp, cp, pp, dp } = grid;
      const zero = cp * dp === 1 ? 0 : pp > 1 && rest.zero > 1 ? 1 : rest.zero;
      return {
        ...rest,
        ...grid,
        ...(pp === 1 ? { schedule: '1f1b', vp: 1, firstLayers: null, lastLayers: null } : pipeline),
        contextKind: cp === 1 ? 'ring' : rest.contextKind,
        zero,
        sequenceParallel: rest.sequenceParallel && tp > 1,
        replicas: zero > 0 && (cp * dp) % rest.replicas === 0 && pipeline.schedule !== 'dualpipe' ? rest.replicas : 1,
      };
    });

/** The layout as a model of experts can have it, or a dense one. */
const layoutFor = ({ experts }: Model, layout: Layout): Layout => {
  if (experts === null) return { ...layout, ep: 1, etp: 1 };
  const { tp, cp, dp } = layout;
  const ranks = tp * cp * dp;
  const ep = ranks % layout.ep === 0 && layout.ep <= experts.count ? layout.ep : 1;
  const etp = (ranks / ep) % layout.etp === 0 ? layout.etp : 1;
  const divided = ranks / ep / etp;
  const replicas = divided % layout.replicas === 0 ? layout.replicas : 1;
  return { ...layout, ep, etp, replicas, sequenceParallel: tp > 1 };
};

/** Layers that split over the layout's chunks, or would with those at the ends counted; the ends in whole groups. */
const layersFor = (
  layout: Layout,
  { kvShare }: Family,
  depth: number,
): { layers: number; ends: Pick<Layout, 'firstLayers' | 'lastLayers'> } => {
  const { pp, firstLayers, lastLayers } = layout;
  const ends = { firstLayers: inGroups(firstLayers, kvShare), lastLayers: inGroups(lastLayers, kvShare) };
  if (pp === 1) return { layers: depth, ends };
  const given = [ends.firstLayers, ends.lastLayers].filter((count) => count !== null);
  const middle = positionCount(layout) - given.length;
  const each = kvShare * (1 + (depth % 2));
  const short = given.length === 0 && kvShare === 1 ? Math.max(0, depth - 7) : 0;
  return { layers: Math.max(1, add(given) + middle * each - short), ends };
};
const inGroups = (layers: number | null, kvShare: number): number | null => (layers === null ? null : layers * kvShare);
const add = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count, 0);

/** Microbatches that a schedule takes, times so many. */
const microbatchesFor = ({ schedule, pp }: Layout, rounds: number): number =>
  schedule === 'interleaved' ? pp * rounds : schedule === 'dualpipe' ? 2 * (pp + rounds - 1) : rounds;

/** A random job of so many ranks that an engine would start. */
export const anyJobOf = (devices: number): fc.Arbitrary<Job> =>
  fc
    .record({
      layout: anyLayout(devices),
      family: anyFamily,
      depth: fc.integer({ min: 1, max: 9 }),
      rounds: fc.integer({ min: 1, max: 4 }),
      precision: fc.constantFrom(...PRECISIONS.filter((precision) => precision !== 'nvfp4')),
      recompute: anyRecompute,
      attention: fc.constantFrom('flash' as const, 'unfused' as const),
      overlap: fc.boolean(),
      scaleUpDomain: fc.constantFrom(...divisorsOf(devices)),
      capacity: fc.constantFrom(null, null, 1, 1.25),
      seed: fc.nat(1000),
    })
    .map(
      ({ layout: drawn, family, depth, rounds, recompute, attention, overlap, scaleUpDomain, capacity, ...rest }) => {
        const { layers, ends } = layersFor(drawn, family, depth);
        const model = { ...tinyModel, ...family.ofLayers(layers) };
        const layout = layoutFor(model, { ...drawn, ...ends });
        return tinyJob({
          ...rest,
          layout,
          model,
          workload: { globalBatch: layout.microbatch * layout.dp * microbatchesFor(layout, rounds) },
          cluster: { ...tinyCluster, scaleUpDomain, devicesPerNode: scaleUpDomain },
          recompute: recomputeFor(model, recompute),
          software: { ...tinySoftware, attention, overlap, expertCapacity: capacity },
        });
      },
    )
    .filter((job) => ruleAgainst(job) === null);

export const anyJob: fc.Arbitrary<Job> = fc.constantFrom(1, 2, 4, 6, 8).chain(anyJobOf);

/** A job in a line, for a complaint. */
export const nameOf = ({ model, layout, precision, recompute, software, workload, cluster }: Job): string =>
  JSON.stringify({
    layout,
    precision,
    recompute,
    batch: workload.globalBatch,
    attention: software.attention,
    overlap: software.overlap,
    domain: cluster.scaleUpDomain,
    capacity: software.expertCapacity,
    model: Object.fromEntries(Object.entries(model).filter(([key, value]) => !isDeepStrictEqual(value, plain[key]))),
  });
const plain: Readonly<Record<string, unknown>> = { ...tinyModel };

/**
 * True when all ranks of a stage are in the same position towards the fabric: the groups of every axis, stages and domains
 * nest. One rank can stand for its stage only then; elsewhere some groups of a stage straddle a domain's edge and others
 * do not. Nor can it where a ring of context ranks has edges of two kinds: behind a slow one a rank is later than others.
 */
export const fitsDomains = ({ layout, cluster: { scaleUpDomain } }: Job): boolean => {
  const { tp, cp, dp, ep, etp, replicas } = layout;
  const runs = [tp, tp * cp, tp * cp * dp, etp, ep * etp, (tp * cp * dp) / replicas];
  const nests = runs.every((run) => run % scaleUpDomain === 0 || scaleUpDomain % run === 0);
  const isMixed = cp > 1 && layout.contextKind === 'ring' && tp < scaleUpDomain && tp * cp > scaleUpDomain;
  return nests && !isMixed;
};

/** True when every exchange of all with all is within a domain or between domains alone: its ranks are then done together. */
export const exchangesEvenly = ({ layout, cluster: { scaleUpDomain } }: Job): boolean => {
  const { tp, cp, ep, etp, contextKind } = layout;
  const isEven = (stride: number, size: number): boolean =>
    size === 1 || stride >= scaleUpDomain || stride * size <= scaleUpDomain;
  return (contextKind === 'ring' || isEven(tp, cp)) && isEven(etp, ep);
};
