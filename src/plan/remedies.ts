/** Changes to a scenario that may make it feasible, the smallest first. */
import type { Cluster } from '../scenario/cluster.ts';
import type { Job, Recompute } from '../scenario/job.ts';
import type { Axis, LayoutSpace, Scenario } from '../scenario/scenario.ts';
import type { Fix } from './plan.ts';

export interface Remedy {
  /** Of several remedies of a kind the first that helps is enough. */
  readonly kind: string;
  readonly scenario: Scenario;
  /** What to write, given the plan that the changed scenario led to. */
  readonly editsOf: (outcome: Job) => Fix['edits'];
}

const edit = (key: string, value: string | number): Fix['edits'][number] => ({ key, value: String(value) });
const isFixed = (axis: Axis<unknown>): axis is readonly unknown[] => axis !== null;

export function* remedies(scenario: Scenario, alternatives: readonly Cluster[]): Generator<Remedy> {
  yield* leanerSteps(scenario);
  yield* freedLayout(scenario);
  yield* moreDevices(scenario, 'devices', []);
  yield* largerCards(scenario, alternatives);
  yield* otherBatches(scenario);
  yield* shorterSequences(scenario);
  for (const cluster of byMemory(alternatives, scenario.cluster))
    yield* moreDevices({ ...scenario, cluster }, `cluster ${cluster.name}`, [edit('cluster', cluster.name)]);
}

/** Recompute all, keep one sequence a microbatch, share out the states: the same cards, a slower or leaner step. */
function* leanerSteps(scenario: Scenario): Generator<Remedy> {
  const full: Recompute = { kind: 'full', layers: 'all' };
  if (isFixed(scenario.recompute))
    yield {
      kind: 'recompute',
      scenario: { ...scenario, recompute: [full] },
      editsOf: () => [edit('recompute', 'full')],
    };
  const { microbatch, zero } = scenario.layout;
  if (microbatch !== null && Math.min(...microbatch) > 1)
    yield withLayout(scenario, 'microbatch', { microbatch: [1] }, () => [edit('layout.microbatch', 1)]);
  if (isFixed(zero))
    yield withLayout(scenario, 'zero', { zero: null }, ({ layout }) => [edit('layout.zero', layout.zero)]);
}

const withLayout = (
  scenario: Scenario,
  kind: string,
  layout: Partial<LayoutSpace>,
  editsOf: Remedy['editsOf'],
): Remedy => ({ kind, scenario: { ...scenario, layout: { ...scenario.layout, ...layout } }, editsOf });

const AXES = ['tp', 'pp', 'vp', 'dp', 'microbatch', 'schedule', 'zero', 'sequenceParallel'] as const;

const isAmong = (axis: Axis<unknown>, value: unknown): boolean => axis?.includes(value) ?? false;

/** Gives up what was fixed of the layout, and says what to fix it to instead. */
function* freedLayout(scenario: Scenario): Generator<Remedy> {
  const fixed = AXES.filter((axis) => isFixed(scenario.layout[axis]));
  if (fixed.length === 0) return;
  const free = Object.fromEntries(fixed.map((axis) => [axis, null])) as Partial<LayoutSpace>;
  const editsOf = ({ layout }: Job): Fix['edits'] =>
    fixed
      .filter((axis) => !isAmong(scenario.layout[axis], layout[axis]))
      .map((axis) => edit(`layout.${axis}`, String(layout[axis])));
  yield withLayout(scenario, 'layout', free, editsOf);
}

/** Twice the devices, and twice again; a fixed data axis grows with them. */
const DOUBLINGS = 12;
function* moreDevices(scenario: Scenario, kind: string, edits: Fix['edits']): Generator<Remedy> {
  const start = Math.max(...scenario.devices);
  const { dp } = scenario.layout;
  for (let factor = edits.length === 0 ? 2 : 1; factor <= 2 ** DOUBLINGS; factor *= 2) {
    const layout = { ...scenario.layout, dp: dp === null ? null : dp.map((size) => size * factor) };
    const grown = dp === null ? [] : [edit('layout.dp', Math.max(...dp) * factor)];
    const devices = start * factor;
    yield {
      kind,
      scenario: { ...scenario, devices: [devices], layout },
      editsOf: () => [...edits, edit('devices', devices), ...grown],
    };
  }
}

const memory = ({ accelerator }: Cluster): number => accelerator.memory.value;
/** The clusters whose cards have more memory: nodes of the same make-up first, then the least memory. */
const byMemory = (alternatives: readonly Cluster[], than: Cluster): readonly Cluster[] => {
  const differs = ({ devicesPerNode, scaleUpDomain }: Cluster): number =>
    Number(devicesPerNode !== than.devicesPerNode) + Number(scaleUpDomain !== than.scaleUpDomain);
  return alternatives
    .filter((cluster) => memory(cluster) > memory(than))
    .toSorted((a, b) => differs(a) - differs(b) || memory(a) - memory(b));
};

/** As many cards with more memory, the least first. */
function* largerCards(scenario: Scenario, alternatives: readonly Cluster[]): Generator<Remedy> {
  for (const cluster of byMemory(alternatives, scenario.cluster))
    yield {
      kind: 'card',
      scenario: { ...scenario, cluster },
      editsOf: () => [edit('cluster', cluster.name)],
    };
}

/** The batches around the asked one that split over more grids: multiples of powers of two. */
function* otherBatches(scenario: Scenario): Generator<Remedy> {
  const { globalBatch } = scenario.workload;
  const most = Math.max(...scenario.devices);
  for (let step = 2; step <= 2 * most; step *= 2) {
    const next = Math.max(1, Math.round(globalBatch / step)) * step;
    if (next === globalBatch) continue;
    yield {
      kind: 'globalBatch',
      scenario: { ...scenario, workload: { ...scenario.workload, globalBatch: next } },
      editsOf: () => [edit('workload.globalBatch', next)],
    };
  }
}

const SHORTEST = 128;
function* shorterSequences(scenario: Scenario): Generator<Remedy> {
  for (let sequence = scenario.workload.sequence / 2; sequence >= SHORTEST; sequence /= 2)
    if (Number.isInteger(sequence))
      yield {
        kind: 'sequence',
        scenario: { ...scenario, workload: { ...scenario.workload, sequence } },
        editsOf: () => [edit('workload.sequence', sequence)],
      };
}
