/** All layouts that a scenario leaves open: each axis at its given values, or at every value that can be legal. */
import type { Job, Layout, Offload, Precision, Recompute } from '../scenario/job.ts';
import { PLAIN_LAYOUT, SCHEDULES, ZERO_STAGES } from '../scenario/job.ts';
import { isRegularSplit } from '../scenario/layer-split.ts';
import type { Axis, Scenario } from '../scenario/scenario.ts';

/** What distinguishes one layout of a scenario from another: small enough to send to another thread by the thousand. */
export interface Point {
  readonly devices: number;
  readonly precision: Precision;
  readonly recompute: Recompute;
  readonly offload: Offload;
  readonly layout: Layout;
}

export const jobAt = ({ model, cluster, workload, software, seed }: Scenario, point: Point): Job => ({
  model,
  cluster,
  workload,
  software,
  seed,
  ...point,
});

/** Recompute choices tried when the scenario leaves them open. */
export const RECOMPUTES: readonly Recompute[] = [
  { kind: 'none' },
  { kind: 'selective', modules: ['core_attn'] },
  { kind: 'full', layers: 'all' },
];

/** The divisors of `count` up to `most`. */
const divisors = (count: number, most: number): readonly number[] =>
  Array.from({ length: Math.min(count, most) }, (_, index) => index + 1).filter((candidate) => count % candidate === 0);
const given = <T>(axis: Axis<T>, free: () => readonly T[]): readonly T[] => axis ?? free();

/**
 * Values that a free axis tries: those that divide what the axis divides. A tensor group wider than two scale-up domains
 * and more than 64 model chunks or sequences a microbatch are left to be asked for.
 */
const WIDEST = 64;

const tensorDegrees = ({ model, cluster }: Scenario, devices: number): readonly number[] =>
  divisors(model.kvHeads, 2 * cluster.scaleUpDomain).filter((tp) => devices % tp === 0);

/** Chunks into which the layers split, embedding and head counted or not. */
const chunkings = (layers: number, most: number): readonly number[] =>
  Array.from({ length: Math.min(layers + 2, most) }, (_, index) => index + 1).filter((count) =>
    isRegularSplit(layers, count),
  );

/** Every combination, legal or not; a rule may still forbid it. */
export function* enumerate(scenario: Scenario): Generator<Point> {
  const recomputes = given(scenario.recompute, () => RECOMPUTES);
  for (const devices of scenario.devices)
    for (const layout of layouts(scenario, devices))
      for (const precision of scenario.precision)
        for (const recompute of recomputes) for (const offload of scenario.offload) yield { devices, precision, recompute, offload, layout };
}

function* layouts(scenario: Scenario, devices: number): Generator<Layout> {
  const { layout: space, model } = scenario;
  for (const tp of given(space.tp, () => tensorDegrees(scenario, devices)))
    for (const pp of given(space.pp, () => chunkings(model.layers, devices / tp)))
      for (const dp of given(space.dp, () => [devices / (tp * pp)]))
        if (Number.isInteger(dp) && tp * pp * dp === devices) yield* schedules(scenario, { tp, pp, dp });
}

function* schedules(scenario: Scenario, grid: Pick<Layout, 'tp' | 'pp' | 'dp'>): Generator<Layout> {
  const { layout: space, model, workload } = scenario;
  const { tp, pp, dp } = grid;
  const share = Math.floor(workload.globalBatch / dp);
  const microbatches = given(space.microbatch, () => divisors(share, WIDEST));
  const chunks = given(space.vp, () =>
    pp === 1 ? [1] : chunkings(model.layers, WIDEST * pp).flatMap((n) => (n % pp === 0 ? [n / pp] : [])),
  );
  for (const schedule of given(space.schedule, () => (pp === 1 ? ['1f1b' as const] : SCHEDULES)))
    for (const vp of chunks.includes(1) || space.vp !== null ? chunks : [1, ...chunks])
      if (vp > 1 === (schedule === 'interleaved') || space.vp !== null)
        for (const microbatch of microbatches)
          for (const zero of given(space.zero, () => ZERO_STAGES.filter((stage) => stage < 2 || pp === 1)))
            for (const sequenceParallel of given(space.sequenceParallel, () => (tp > 1 ? [false, true] : [false])))
              yield { ...PLAIN_LAYOUT, ...grid, vp, microbatch, schedule, zero, sequenceParallel };
}
