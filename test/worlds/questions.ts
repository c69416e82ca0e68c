/** Small scenarios with some axes free, and pools that are done with their tasks in any order. */
import fc from 'fast-check';
import { enumerate, jobAt } from '../../src/plan/enumerate.ts';
import { FREE } from '../../src/plan/edits.ts';
import type { Pool } from '../../src/plan/pool.ts';
import { ruleAgainst } from '../../src/plan/rules.ts';
import { runTask } from '../../src/plan/task.ts';
import { CALM } from '../../src/scenario/conditions.ts';
import type { Recompute } from '../../src/scenario/job.ts';
import { NO_OFFLOAD, SCHEDULES, ZERO_STAGES } from '../../src/scenario/job.ts';
import type { Axis, LayoutSpace, Scenario } from '../../src/scenario/scenario.ts';
import type { ProfileCache } from '../../src/sim/cache.ts';
import { profileCache } from '../../src/sim/cache.ts';
import { ratio } from '../../src/units/quantity.ts';
import { PLAIN_RUN } from './plain-run.ts';
import { figure, tinyCluster, tinyModel, tinySoftware } from './jobs.ts';

export { FREE };

/** The tiny model on the tiny cluster, every axis free but precision; any part of it may be replaced. */
export const tinyScenario = (parts: Partial<Scenario> = {}): Scenario => ({
  title: 'a small question',
  model: tinyModel,
  cluster: tinyCluster,
  devices: [8],
  workload: { kind: 'pretrain', sequence: 128, globalBatch: 16, tokens: 1e9 },
  layout: FREE,
  precision: ['bf16'],
  recompute: null,
  offload: [NO_OFFLOAD],
  conditions: CALM,
  reliability: null,
  // Little of the framework's memory, so that layouts differ in theirs.
  software: { ...tinySoftware, frameworkMemory: figure(1e5) },
  search: 'usual',
  memoryMargin: ratio(0.05),
  ...PLAIN_RUN,
  seed: 1,
  ...parts,
});

export const memoryOf = (scenario: Scenario, memory: number): Scenario => ({
  ...scenario,
  cluster: { ...scenario.cluster, accelerator: { ...scenario.cluster.accelerator, memory: figure(memory) } },
});

/** An axis left free, or some of the values. */
const some = <T>(values: readonly T[]): fc.Arbitrary<Axis<T>> =>
  fc.option(fc.subarray([...values], { minLength: 1 }), { freq: 2 });

const recomputes: readonly Recompute[] = [
  { kind: 'none' },
  { kind: 'selective', modules: ['core_attn'] },
  { kind: 'selective', modules: ['layernorm', 'mlp_act'] },
  { kind: 'full', layers: 1 },
  { kind: 'full', layers: 'all' },
];

const anySpace: fc.Arbitrary<LayoutSpace> = fc.record({
  cp: fc.constant(null),
  ep: fc.constant(null),
  etp: fc.constant(null),
  firstLayers: fc.constant(null),
  lastLayers: fc.constant(null),
  replicas: fc.constant(null),
  tp: some([1, 2, 4, 8]),
  pp: some([1, 2, 3, 4]),
  vp: some([1, 2]),
  dp: fc.option(fc.subarray([1, 2, 3, 4, 6], { minLength: 1 }), { freq: 1 }),
  microbatch: some([1, 2, 3]),
  schedule: some(SCHEDULES),
  zero: some(ZERO_STAGES),
  sequenceParallel: some([false, true]),
});

/** Scenarios on 1 to 16 devices of at most `most` layouts, some of which are legal. */
export const anyQuestion = (most: number): fc.Arbitrary<Scenario> =>
  anyScenario.filter((scenario) => {
    let [count, legal] = [0, 0];
    for (const point of enumerate(scenario)) {
      if (++count > most) return false;
      if (ruleAgainst(jobAt(scenario, point)) === null) legal++;
    }
    return legal > 0;
  });

const anyScenario: fc.Arbitrary<Scenario> = fc
  .record({
    layers: fc.integer({ min: 1, max: 8 }),
    kvHeads: fc.constantFrom(8, 4, 2),
    hidden: fc.constantFrom(256, 1024),
    vocabulary: fc.constantFrom(1024, 32_000),
    tied: fc.boolean(),
    scaleUpDomain: fc.constantFrom(1, 2, 4, 8),
    devices: fc.subarray([1, 2, 4, 6, 8, 12, 16], { minLength: 1, maxLength: 3 }),
    sequence: fc.constantFrom(96, 128),
    globalBatch: fc.constantFrom(3, 4, 6, 8, 12, 16, 24),
    layout: anySpace,
    precision: fc.subarray(['fp32' as const, 'bf16' as const, 'fp8-delayed' as const], { minLength: 1 }),
    recompute: some(recomputes),
    overlap: fc.boolean(),
    // The sketch knows nothing of the way between stages: a slow one turns its order upside down.
    latency: fc.constantFrom(5e-6, 1e-3),
  })
  .map(
    ({
      layers,
      kvHeads,
      hidden,
      vocabulary,
      tied,
      scaleUpDomain,
      sequence,
      globalBatch,
      overlap,
      latency,
      ...asked
    }) => {
      const scenario = tinyScenario(asked);
      return {
        ...scenario,
        model: { ...tinyModel, layers, kvHeads, hidden, ffn: 4 * hidden, headDim: hidden / 8, vocabulary, tied },
        cluster: {
          ...tinyCluster,
          scaleUpDomain,
          devicesPerNode: scaleUpDomain,
          nic: { ...tinyCluster.nic, latency: figure(latency) },
        },
        workload: { ...scenario.workload, sequence, globalBatch },
        software: { ...scenario.software, overlap },
      };
    },
  );

/** Workers that share nothing; of the tasks at hand `pick` says which one is done next. */
export const shuffledPool = (size: number, pick: (count: number) => number): Pool => {
  const caches = Array.from({ length: size }, (): ProfileCache => profileCache());
  const waiting: (() => void)[] = [];
  let tasks = 0;
  return {
    size,
    run: async (task) => {
      const cache = caches[tasks++ % size]!;
      await new Promise<void>((done) => {
        waiting.push(done);
        // All tasks of a batch are handed out before any of them gets its turn.
        queueMicrotask(() => waiting.splice(pick(waiting.length), 1)[0]?.());
      });
      return structuredClone(runTask(structuredClone(task), cache));
    },
  };
};
