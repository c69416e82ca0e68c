/** Changes to a scenario that may make it feasible, the smallest first. */
import { DTYPE_BYTES } from '../kernels/dtype.ts';
import { FORMATS } from '../model/precision.ts';
import type { Cluster } from '../scenario/cluster.ts';
import { parameterCount } from '../scenario/parameters.ts';
import type { Axis, LayoutSpace, Scenario } from '../scenario/scenario.ts';
import { FREE, LAYOUT_AXES } from './edits.ts';
import { memoryLimit } from './task.ts';

export interface Remedy {
  /** Of several remedies of a kind the first that helps is enough. */
  readonly kind: string;
  readonly scenario: Scenario;
}

export function* remedies(scenario: Scenario, alternatives: readonly Cluster[]): Generator<Remedy> {
  const free = freed(scenario);
  // Whatever can be done with the layout as it is fixed is the smaller change.
  const both = free === null ? [scenario] : [scenario, free];
  const better = betterClusters(scenario, alternatives);
  yield* otherLayouts(scenario);
  for (const asked of both) yield* moreDevices(asked, 'devices');
  for (const asked of both) for (const cluster of better) yield { kind: 'card', scenario: { ...asked, cluster } };
  for (const asked of both) yield* otherBatches(asked);
  for (const asked of both) yield* shorterSequences(asked);
  for (const cluster of better) yield* onCluster({ ...(free ?? scenario), cluster });
}

const isFixed = (axis: Axis<unknown>): boolean => axis !== null;
const hasFixed = (layout: LayoutSpace): boolean => LAYOUT_AXES.some((axis) => isFixed(layout[axis]));
/** The scenario with layout and recomputation left to the planner; null when they are already. */
const freed = (scenario: Scenario): Scenario | null =>
  isFixed(scenario.recompute) || hasFixed(scenario.layout) ? { ...scenario, layout: FREE, recompute: null } : null;

/** The same cards, and the step leaner one choice at a time; then another layout, then all of it. */
function* otherLayouts(scenario: Scenario): Generator<Remedy> {
  const { layout, recompute } = scenario;
  if (isFixed(recompute)) yield { kind: 'recompute', scenario: { ...scenario, recompute: null } };
  for (const axis of ['microbatch', 'zero'] as const)
    if (isFixed(layout[axis])) yield { kind: axis, scenario: { ...scenario, layout: { ...layout, [axis]: null } } };
  if (hasFixed(layout)) yield { kind: 'layout', scenario: { ...scenario, layout: FREE } };
  const free = freed(scenario);
  if (free !== null) yield { kind: 'layout', scenario: free };
}

/** Another card, as many of it or more. */
function* onCluster(scenario: Scenario): Generator<Remedy> {
  const kind = `cluster ${scenario.cluster.name}`;
  yield { kind, scenario };
  yield* moreDevices(scenario, kind);
}

/** False when all cards together cannot hold each parameter's weight, gradient and optimizer state once. */
export const holdsStates = (scenario: Scenario): boolean => {
  const bytesEach = scenario.precision.map((name) => {
    const { weight, gradient, optimizerBytes, copyBytes } = FORMATS[name];
    return DTYPE_BYTES[weight] + DTYPE_BYTES[gradient] + optimizerBytes + copyBytes;
  });
  const least = parameterCount(scenario.model) * Math.min(...bytesEach);
  return least <= memoryLimit(scenario) * Math.max(...scenario.devices);
};

/** The least doublings of the devices that hold the states, and a few more; a fixed data axis grows with them. */
const DOUBLINGS = 4;
function* moreDevices(scenario: Scenario, kind: string): Generator<Remedy> {
  const { devices, layout } = scenario;
  const least = Math.max(...devices);
  const grown = (factor: number): Scenario => {
    const dp = layout.dp?.map((size) => size * factor) ?? null;
    return { ...scenario, devices: [least * factor], layout: { ...layout, dp } };
  };
  let factor = 2;
  while (least * factor < DEVICES_MAX && !holdsStates(grown(factor))) factor *= 2;
  for (let tries = 0; tries < DOUBLINGS; tries++, factor *= 2) yield { kind, scenario: grown(factor) };
}
const DEVICES_MAX = 2 ** 17;

const memory = ({ accelerator }: Cluster): number => accelerator.memory.value;

/**
 * The clusters whose cards have more memory and are no slower in every format asked about: nodes of the same make-up
 * first, then the least memory; of clusters of one card the first.
 */
const betterClusters = (
  { cluster: own, precision }: Scenario,
  alternatives: readonly Cluster[],
): readonly Cluster[] => {
  const isAsFast = ({ accelerator }: Cluster): boolean =>
    precision.every((name) => {
      const { peak } = FORMATS[name];
      return (accelerator.peak[peak]?.value ?? 0) >= (own.accelerator.peak[peak]?.value ?? 1);
    });
  const differs = ({ devicesPerNode, scaleUpDomain }: Cluster): number =>
    Number(devicesPerNode !== own.devicesPerNode) + Number(scaleUpDomain !== own.scaleUpDomain);
  return alternatives
    .filter((cluster) => memory(cluster) > memory(own) && isAsFast(cluster))
    .toSorted((a, b) => differs(a) - differs(b) || memory(a) - memory(b))
    .filter(
      ({ accelerator }, index, all) => all.findIndex((other) => other.accelerator.name === accelerator.name) === index,
    );
};

/** The batches next to the asked one, above and below, that split over more grids: multiples of powers of two. */
function* otherBatches(scenario: Scenario): Generator<Remedy> {
  const { workload, devices } = scenario;
  for (const [kind, round] of [['larger batch', Math.ceil] as const, ['smaller batch', Math.floor] as const])
    for (let step = 2; step <= 2 * Math.max(...devices); step *= 2) {
      const globalBatch = round(workload.globalBatch / step) * step;
      if (globalBatch > 0 && globalBatch !== workload.globalBatch)
        yield { kind, scenario: { ...scenario, workload: { ...workload, globalBatch } } };
    }
}

/** Halved, and halved again; a much shorter sequence is another question. */
const SHORTEST_SHARE = 1 / 16;
function* shorterSequences(scenario: Scenario): Generator<Remedy> {
  for (let share = 1 / 2; share >= SHORTEST_SHARE; share /= 2) {
    const sequence = scenario.workload.sequence * share;
    if (Number.isInteger(sequence))
      yield { kind: 'sequence', scenario: { ...scenario, workload: { ...scenario.workload, sequence } } };
  }
}
