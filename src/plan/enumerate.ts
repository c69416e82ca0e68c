/** All layouts that a scenario leaves open, grid by grid: each axis at its given values, or at every value that can be legal. */
import type { ContextKind, Job, Layout, Offload, Precision, Recompute, ScheduleName } from '../scenario/job.ts';
import { CONTEXT_KINDS, NO_OFFLOAD, RECOMPUTE_MODULES, SCHEDULES, ZERO_STAGES } from '../scenario/job.ts';
import type { RecomputeModule, ZeroStage } from '../scenario/job.ts';
import { LONG_SEQUENCE } from '../scenario/defaults.ts';
import { isRegularSplit, PLAIN_ENDS } from '../scenario/layer-split.ts';
import type { Axis, Scenario } from '../scenario/scenario.ts';
import { hasModule } from './rules.ts';

/** What distinguishes one layout of a scenario from another: small enough to send to another thread by the thousand. */
export interface Point {
  readonly devices: number;
  readonly precision: Precision;
  readonly recompute: Recompute;
  readonly offload: Offload;
  readonly layout: Layout;
}

export const jobAt = (
  { model, cluster, workload, software, training, seed }: Scenario,
  { devices, precision, recompute, offload, layout }: Point,
): Job => ({
  model,
  cluster,
  workload,
  software,
  training,
  seed,
  devices,
  precision,
  recompute,
  offload,
  layout,
});

/** How the devices stand to each other. */
export interface Grid extends Pick<Layout, 'tp' | 'cp' | 'contextKind' | 'ep' | 'etp' | 'pp' | 'dp'> {
  readonly devices: number;
}

/** Recompute choices tried when the scenario leaves them open. */
export const RECOMPUTES: readonly Recompute[] = [
  { kind: 'none' },
  { kind: 'selective', modules: ['core_attn'] },
  { kind: 'full', layers: 'all' },
];
/** Offloads tried where everything is searched; any share of the activations has to be asked for. */
const OFFLOADS: readonly Offload[] = [NO_OFFLOAD, { optimizer: 'dram', activations: 0 }];
/** Schedules tried when the scenario leaves them open: those that every engine has. */
export const USUAL_SCHEDULES: readonly ScheduleName[] = ['gpipe', '1f1b', 'interleaved'];

/** The divisors of `count` up to `most`. */
const divisors = (count: number, most: number): readonly number[] =>
  Array.from({ length: Math.min(count, most) }, (_, index) => index + 1).filter((candidate) => count % candidate === 0);
const given = <T>(axis: Axis<T>, free: () => readonly T[]): readonly T[] => axis ?? free();

/**
 * Values that a free axis tries: those that divide what the axis divides. A tensor group wider than two scale-up domains,
 * more than 64 model chunks or sequences a microbatch, and more than 64 context ranks are left to be asked for.
 */
const WIDEST = 64;
/** Context ranks that a search through everything tries for sequences that are not long. */
const CONTEXT_OF_SHORT = 4;

/** Every grid of the devices. */
export const gridsOf = (scenario: Scenario): readonly Grid[] =>
  scenario.devices.flatMap((n) => [...grids(scenario, n)]);

function* grids(scenario: Scenario, devices: number): Generator<Grid> {
  const { layout: space, model, cluster } = scenario;
  const tensor = given(space.tp, () =>
    divisors(model.kvHeads, 2 * cluster.scaleUpDomain).filter((tp) => devices % tp === 0),
  );
  for (const tp of tensor)
    for (const { cp, contextKind } of contexts(scenario))
      for (const pp of given(space.pp, () => stageCounts(scenario, devices / (tp * cp)))) {
        const rest = devices / (tp * cp * pp);
        if (!Number.isInteger(rest)) continue;
        for (const dp of given(space.dp, () => [rest]))
          if (dp === rest)
            for (const { ep, etp } of expertRanks(scenario, { tp, cp, dp }))
              yield { devices, tp, cp, contextKind, ep, etp, pp, dp };
      }
}

type Context = Pick<Grid, 'cp' | 'contextKind'>;
/** One context rank is of no kind: the first stands for it. */
const contexts = ({ layout, workload, search }: Scenario): readonly Context[] => {
  if (layout.cp !== null) return layout.cp.flatMap(({ size, kind }) => contextsOf(size, kind));
  const most = workload.sequence >= LONG_SEQUENCE ? WIDEST : search === 'whole' ? CONTEXT_OF_SHORT : 1;
  const sizes = [1, 2, 4, 8, 16, 32, 64].filter((cp) => cp <= most && workload.sequence % cp === 0);
  return sizes.flatMap((cp) => contextsOf(cp, null));
};
const contextsOf = (cp: number, kind: ContextKind | null): readonly Context[] => {
  const kinds = kind !== null ? [kind] : cp === 1 ? CONTEXT_KINDS.slice(0, 1) : CONTEXT_KINDS;
  return kinds.map((contextKind) => ({ cp, contextKind }));
};

/** Stages into which the layers can be cut, in one chunk a stage or in several. */
const stageCounts = ({ model }: Scenario, most: number): readonly number[] =>
  divisors(most, model.layers + 2 + model.predictors).filter((pp) => chunkCounts(model, pp).length > 0);

/** Chunks a stage into which the layers can be cut. */
const chunkCounts = ({ layers, predictors }: Scenario['model'], pp: number): readonly number[] =>
  Array.from({ length: WIDEST }, (_, index) => index + 1).filter(
    (vp) => (pp > 1 || vp === 1) && isRegularSplit(layers, pp * vp, { ...PLAIN_ENDS, predictors }),
  );

function* expertRanks(
  { model, layout }: Scenario,
  { tp, cp, dp }: Pick<Grid, 'tp' | 'cp' | 'dp'>,
): Generator<Pick<Grid, 'ep' | 'etp'>> {
  const count = model.experts?.count ?? 1;
  for (const etp of given(layout.etp, () => (count === 1 || tp === 1 ? [1] : [1, tp])))
    for (const ep of given(layout.ep, () =>
      divisors(count, WIDEST * 8).filter((n) => (tp * cp * dp) % (n * etp) === 0),
    ))
      yield { ep, etp };
}

/** All that a grid leaves open: every combination is a layout. */
export interface Choices {
  readonly pipelines: readonly Pick<Layout, 'schedule' | 'vp' | 'firstLayers' | 'lastLayers'>[];
  readonly microbatches: readonly number[];
  readonly shardings: readonly Pick<Layout, 'zero' | 'replicas'>[];
  readonly sequenceParallel: readonly boolean[];
  readonly precisions: readonly Precision[];
  readonly recomputes: readonly Recompute[];
  readonly offloads: readonly Offload[];
}

export const choicesOf = (scenario: Scenario, grid: Grid): Choices => {
  const { layout: space, workload } = scenario;
  const share = Math.floor(workload.globalBatch / grid.dp);
  return {
    pipelines: pipelinesOf(scenario, grid),
    microbatches: given(space.microbatch, () => divisors(share, WIDEST)),
    shardings: given(space.zero, () => ZERO_STAGES.filter((stage) => stage < 2 || grid.pp === 1)).flatMap((zero) =>
      given(space.replicas, () => replicasOf(scenario, { grid, zero })).map((replicas) => ({ zero, replicas })),
    ),
    sequenceParallel: given(space.sequenceParallel, () => (grid.tp > 1 ? [false, true] : [false])),
    precisions: scenario.precision,
    recomputes: given(scenario.recompute, () => recomputesOf(scenario, grid)),
    offloads: given(scenario.offload, () => (scenario.search === 'whole' ? OFFLOADS : [NO_OFFLOAD])),
  };
};

export const countOf = (choices: Choices): number =>
  Object.values(choices).reduce((count, values: readonly unknown[]) => count * values.length, 1);

const pipelinesOf = ({ layout: space, model, search }: Scenario, { pp }: Grid): Choices['pipelines'] => {
  const usual = search === 'whole' ? SCHEDULES : USUAL_SCHEDULES;
  const schedules = given(space.schedule, () => (pp === 1 ? (['1f1b'] as const) : usual));
  const counts = chunkCounts(model, pp);
  const chunks = (schedule: ScheduleName): readonly number[] => {
    if (space.vp !== null) return space.vp;
    if (schedule === 'zb-v' || schedule === 'dualpipe') return [2];
    return schedule === 'interleaved' ? counts.filter((vp) => vp > 1) : [1];
  };
  return schedules.flatMap((schedule) =>
    chunks(schedule).flatMap((vp) =>
      ends(space.firstLayers).flatMap((firstLayers) =>
        ends(space.lastLayers).map((lastLayers) => ({ schedule, vp, firstLayers, lastLayers })),
      ),
    ),
  );
};

/** Layers at an end: the even split's when nobody says otherwise. */
const ends = (axis: Axis<number>): readonly (number | null)[] => axis ?? [null];

/** Hybrid sharding is searched where everything is. */
const replicasOf = (
  { search }: Scenario,
  { grid: { cp, dp }, zero }: { grid: Grid; zero: ZeroStage },
): readonly number[] =>
  zero === 0 || search === 'usual' ? [1] : divisors(cp * dp, WIDEST).filter((replicas) => replicas < cp * dp);

/** Every set of modules that the model has, every number of whole layers, where everything is searched. */
const recomputesOf = ({ model, search }: Scenario, { pp }: Grid): readonly Recompute[] => {
  if (search === 'usual') return RECOMPUTES;
  const modules = RECOMPUTE_MODULES.filter((module) => hasModule(model, module));
  const most = Math.ceil(model.layers / pp);
  return [
    { kind: 'none' },
    ...subsetsOf(modules).map((chosen): Recompute => ({ kind: 'selective', modules: chosen })),
    ...Array.from({ length: most - 1 }, (_, index): Recompute => ({ kind: 'full', layers: index + 1 })),
    { kind: 'full', layers: 'all' },
  ];
};

/** All but the empty one, and but those in which one module is a part of another. */
const subsetsOf = (modules: readonly RecomputeModule[]): readonly (readonly RecomputeModule[])[] =>
  modules
    .reduce<readonly (readonly RecomputeModule[])[]>(
      (sets, module) => [...sets, ...sets.map((set) => [...set, module])],
      [[]],
    )
    .filter((set) => set.length > 0 && !PARTS.some(([part, whole]) => set.includes(part) && set.includes(whole)));
const PARTS: readonly (readonly [RecomputeModule, RecomputeModule])[] = [
  ['mlp_act', 'mlp'],
  ['moe_act', 'moe'],
  ['shared_experts', 'moe'],
];

/**
 * The layout of that number, from 0 to `countOf(choices)` - 1: the choices are its digits, those that leave a stage's own
 * work as it is the lowest.
 */
export const pointAt = (grid: Grid, choices: Choices, number: number): Point => {
  let rest = number;
  const take = <T>(values: readonly T[]): T => {
    const value = values[rest % values.length]!;
    rest = Math.floor(rest / values.length);
    return value;
  };
  const sharding = take(choices.shardings);
  const pipeline = take(choices.pipelines);
  const offload = take(choices.offloads);
  const recompute = take(choices.recomputes);
  const precision = take(choices.precisions);
  const sequenceParallel = take(choices.sequenceParallel);
  const microbatch = take(choices.microbatches);
  // Written out, for a search makes millions of them.
  const { tp, cp, contextKind, ep, etp, pp, dp } = grid;
  const { schedule, vp, firstLayers, lastLayers } = pipeline;
  const { zero, replicas } = sharding;
  return {
    devices: grid.devices,
    precision,
    recompute,
    offload,
    layout: {
      tp,
      cp,
      contextKind,
      ep,
      etp,
      pp,
      vp,
      firstLayers,
      lastLayers,
      dp,
      replicas,
      microbatch,
      schedule,
      zero,
      sequenceParallel,
    },
  };
};

/** Every combination, legal or not; a rule may still forbid it. */
export function* enumerate(scenario: Scenario): Generator<Point> {
  for (const grid of gridsOf(scenario)) {
    const choices = choicesOf(scenario, grid);
    const count = countOf(choices);
    for (let number = 0; number < count; number++) yield pointAt(grid, choices, number);
  }
}
