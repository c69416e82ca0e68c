/** Laws of offloading: what leaves the card is all there on the host, comes back in time, and costs what the bus takes. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { offloadedLayers } from '../../src/actors/offload-copies.ts';
import { DTYPE_BYTES } from '../../src/kernels/dtype.ts';
import { costOf } from '../../src/kernels/op.ts';
import { FORMATS } from '../../src/model/precision.ts';
import type { Job, Offload } from '../../src/scenario/job.ts';
import { microbatchesOf, NO_OFFLOAD } from '../../src/scenario/job.ts';
import { DEFAULT_TRAINING } from '../../src/scenario/training.ts';
import { bound } from '../../src/sim/bound.ts';
import type { Evaluation } from '../../src/sim/evaluation.ts';
import { TERMS } from '../../src/sim/evaluation.ts';
import { folded } from '../../src/sim/folded.ts';
import { hostShortage } from '../../src/sim/host-memory.ts';
import { machineOf } from '../../src/sim/machine.ts';
import { message } from '../../src/sim/message.ts';
import { opTime } from '../../src/sim/op-time.ts';
import { profileCache } from '../../src/sim/cache.ts';
import { sketch } from '../../src/sim/sketch.ts';
import { meetingTime } from '../worlds/agreement.ts';
import { anyJobOf, fitsDomains, legalJobs, nameOf } from '../worlds/job-case.ts';
import { figure, tinyCluster, tinyJob, tinySoftware } from '../worlds/jobs.ts';
import { keptBytes } from '../worlds/one-layer.ts';
import { ROTARY, wholeLinks } from '../worlds/round-jobs.ts';
import { stepOnTiers } from '../worlds/tiers.ts';

const nanoseconds = (time: number): number => Math.round(time * 1e9);
const sum = (terms: readonly number[]): number => terms.reduce((total, term) => total + term, 0);

const OFFLOADS: readonly Offload[] = [
  { optimizer: 'dram', activations: 0 },
  { optimizer: 'none', activations: 0.5 },
  { optimizer: 'dram', activations: 1 },
];
const anyOffload: fc.Arbitrary<Offload> = fc.record({
  optimizer: fc.constantFrom('none' as const, 'dram' as const),
  activations: fc.constantFrom(0, 0.1, 0.3, 0.5, 0.75, 1),
});
const offloading = (devices: readonly number[]): fc.Arbitrary<Job> =>
  fc.tuple(fc.constantFrom(...devices).chain(anyJobOf), anyOffload).map(([job, offload]) => ({ ...job, offload }));
const withOffload = (job: Job, offload: Partial<Offload>): Job => ({ ...job, offload: { ...NO_OFFLOAD, ...offload } });
const named = (job: Job): string => `${nameOf(job)} ${JSON.stringify(job.offload)}`;

/** What the rungs must agree on to the byte. */
const bytesOf = ({ stages, host }: Evaluation) => ({
  host,
  stages: stages.map(({ memory, host: held, copied }) => ({ memory, held, copied })),
});

describe('the rungs agree', () => {
  const timesOf = ({ step, stages }: Evaluation) => ({
    step: nanoseconds(step),
    terms: stages.map(({ terms }) => TERMS.map((term) => `${term} ${nanoseconds(terms[term])}`)),
  });

  test.each([1, 2, 4])('to the nanosecond and the byte on every legal layout of %d ranks', (devices) => {
    const parts = { cluster: wholeLinks, model: ROTARY, workload: { globalBatch: devices } };
    for (const offload of OFFLOADS.slice(devices === 4 ? -1 : 0))
      for (const job of legalJobs(devices, { ...parts, offload })) {
        const [one, all] = [folded(job), message(job).evaluation];
        const name = named(job);
        expect({ name, ...bytesOf(one), ...timesOf(one) }).toEqual({ name, ...bytesOf(all), ...timesOf(all) });
      }
  });

  test('for every family of models, as closely as messages round', () => {
    fc.assert(
      fc.property(offloading([1, 2, 4, 8]).filter(fitsDomains), (job) => {
        const [one, run] = [folded(job), message(job)];
        const received = run.trace.filter(({ kind }) => kind === 'receipt').length;
        expect(bytesOf(one), named(job)).toEqual(bytesOf(run.evaluation));
        const longer = nanoseconds(one.step) - nanoseconds(run.evaluation.step);
        expect(longer, named(job)).toBeGreaterThanOrEqual(-received);
        expect(longer, named(job)).toBeLessThanOrEqual(received + meetingTime(job));
      }),
      { numRuns: 40 },
    );
  });

  test('neither a bound nor a sketch is longer than the step, nor does a sketch hold more', () => {
    fc.assert(
      fc.property(offloading([1, 2, 4, 8, 16, 32]), (job) => {
        const [least, whole] = [bound(job), folded(job)];
        expect(bytesOf(least), named(job)).toEqual(bytesOf(whole));
        expect(nanoseconds(least.step), named(job)).toBeLessThanOrEqual(nanoseconds(whole.step));
        const drawn = sketch(job, profileCache());
        expect(nanoseconds(drawn.step), named(job)).toBeLessThanOrEqual(nanoseconds(whole.step));
        expect(drawn.memory, named(job)).toBeLessThanOrEqual(
          Math.max(...least.stages.map(({ memory }) => memory.total)),
        );
      }),
      { numRuns: 200 },
    );
  });

  test('jobs that differ in what they offload share a cache, and get what they get alone', () => {
    const cache = profileCache();
    for (const optimizer of ['none', 'dram'] as const)
      for (const activations of [0, 0.3, 0.5, 1]) {
        const job = tinyJob({ layout: { pp: 2, dp: 2, zero: 1 }, offload: { optimizer, activations } });
        expect(folded(job, cache)).toEqual(folded(job));
        expect(sketch(job, cache)).toEqual(sketch(job, profileCache()));
      }
  });
});

test('nothing is computed from what is on the host, all that left has come back, and no step leaves anything behind', () => {
  fc.assert(
    fc.property(offloading([1]), (job) => {
      const { copied, left } = stepOnTiers(job);
      expect(copied).toEqual(folded(job).stages[0]!.copied);
      expect(left.dram).toBe(job.offload.optimizer === 'dram' ? 1 : 0);
      const states = job.offload.optimizer === 'dram' ? 1 : 0;
      expect(left.hbm).toBe(stepOnTiers(withOffload(job, {})).left.hbm - states);
    }),
    { numRuns: 100 },
  );
});

describe('activations', () => {
  const pipeline = (pp: number, offload: Partial<Offload>, parts: Partial<Parameters<typeof tinyJob>[0]> = {}): Job =>
    withOffload(tinyJob({ layout: { pp }, ...parts }), offload);
  /** What one layer keeps, read off a layer run by itself. */
  const kept = keptBytes(tinyJob());

  test('of exactly the share, rounded up to whole layers', () => {
    expect(kept).toBe(32 * 128 * 256 + 4 * 128 * 8);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 100 }), fc.integer({ min: 0, max: 128 }), (percent, layers) => {
        const whole = Math.floor((percent * layers) / 100) + ((percent * layers) % 100 === 0 ? 0 : 1);
        expect(offloadedLayers(percent / 100, layers)).toBe(whole);
      }),
    );
  });

  test.each([1, 2, 4])('leave the card and are on the host for every microbatch in flight of %d stages', (pp) => {
    const [on, off] = [folded(pipeline(pp, {})), folded(pipeline(pp, { activations: 0.5 }))];
    const layers = 8 / pp / 2;
    for (const [stage, { memory, host, copied }] of off.stages.entries()) {
      expect(host).toBe((pp - stage) * layers * kept);
      expect(copied).toEqual({ hbm: 8 * layers * kept, dram: 8 * layers * kept });
      const { byPurpose } = on.stages[stage]!.memory;
      // One layer a stage has no other beside which it could come back: it is there at the peak.
      const waiting = pp === 4 ? pp - stage - 1 : pp - stage;
      if (pp < 4 || stage < 3)
        expect(byPurpose.activations - memory.byPurpose.activations).toBe(waiting * layers * kept);
    }
  });

  test('are there for free where the bus is endlessly fast', () => {
    const pcie = { bandwidth: figure<never>(1e30), efficiency: figure<never>(1), latency: figure<never>(0) };
    fc.assert(
      fc.property(fc.constantFrom(1, 2, 4, 8, 16).chain(anyJobOf), anyOffload, (drawn, { activations }) => {
        const job = { ...drawn, cluster: { ...drawn.cluster, pcie } };
        const { step, stages } = folded(withOffload(job, { activations }));
        expect(nanoseconds(step), named(job)).toBe(nanoseconds(folded(withOffload(job, {})).step));
        for (const { terms } of stages) expect(terms.offload).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  const copyTime = ({ cluster: { pcie }, layout }: Job): number =>
    // A layer's nine tensors, each a copy of its own.
    9 * nanoseconds(pcie.latency.value) + (layout.microbatch * kept) / (pcie.bandwidth.value / 1e9);
  /** A bus of whole bytes a nanosecond that is quicker with a layer than the card. */
  const quick = { pcie: { bandwidth: figure<never>(64e9), efficiency: figure<never>(1), latency: figure<never>(0) } };

  test('cost nothing while each layer that moves has one to hide behind', () => {
    for (const pp of [1, 2]) {
      const [on, off] = [pipeline(pp, {}, { cluster: quick }), pipeline(pp, { activations: 0.5 }, { cluster: quick })];
      expect(folded(off).step).toBe(folded(on).step);
    }
  });

  test("cost a copy each way a microbatch where a chunk's last layer moves too, as nothing of the pass hides that", () => {
    const job = pipeline(2, { activations: 1 }, { cluster: quick });
    // The last stage has its head to hide a part behind.
    const [first, last] = folded(job).stages;
    expect(Math.abs(nanoseconds(first!.terms.offload) - 8 * 2 * copyTime(job))).toBeLessThanOrEqual(8 * 2 * 9);
    expect(last!.terms.offload).toBeLessThan(first!.terms.offload);
  });
});

describe('the optimizer', () => {
  const formats = FORMATS.bf16;
  const [down, up] = [DTYPE_BYTES[formats.gradient], DTYPE_BYTES[formats.weight]];
  const overlaps = [true, false];

  test.each(overlaps)(
    'has its states on the host, and its gradients and weights on the bus; overlap: %s',
    (overlap) => {
      const software = { ...tinySoftware, overlap };
      for (const dp of [1, 2, 4])
        for (const zero of [0, 1, 2, 3] as const) {
          if (dp === 1 && zero > 0) continue;
          const job = tinyJob({ layout: { dp, zero }, software });
          const [on, off] = [folded(job), folded(withOffload(job, { optimizer: 'dram' }))];
          const share = on.stages[0]!.memory.byPurpose.optimizer / formats.optimizerBytes;
          const { memory, host, copied } = off.stages[0]!;
          expect(share).toBeGreaterThan(0);
          expect(memory.byPurpose.optimizer).toBe(0);
          expect(copied).toEqual({ dram: down * share, hbm: up * share });
          const buffered = overlap ? 2 * Math.ceil(share / 8) : share;
          expect(host).toBe(share * formats.optimizerBytes + buffered * (down + up));
          expect(off.host).toBe(dp * host);
        }
    },
  );

  test('takes the time of its pipeline: its slowest part over and over, and the other two once', () => {
    for (const [bus, host] of [
      [4e9, 200e9],
      [200e9, 4e9],
      [20e9, 60e9],
    ] as const) {
      const pcie = { bandwidth: figure<never>(bus), efficiency: figure<never>(1), latency: figure<never>(0) };
      const cluster = { pcie, hostMemoryBandwidth: figure<never>(host) };
      const job = tinyJob({ cluster, offload: { optimizer: 'dram', activations: 0 } });
      const { parameters, terms } = folded(job).stages[0]!;
      expect(parameters % 8).toBe(0);
      const piece = parameters / 8;
      const { traffic } = costOf(adamOp(piece, 'host'));
      const parts = [(piece * down) / bus, traffic / host, (piece * up) / bus];
      expect(nanoseconds(terms.offload) / nanoseconds(sum(parts) + 7 * Math.max(...parts))).toBeCloseTo(1, 5);
      const whole = folded({ ...job, software: { ...tinySoftware, overlap: false } }).stages[0]!.terms.offload;
      expect(nanoseconds(whole) / nanoseconds(8 * sum(parts))).toBeCloseTo(1, 5);
    }
  });

  const adamOp = (elements: number, on: 'card' | 'host') =>
    ({
      kind: 'adam',
      elements,
      gradient: formats.gradient,
      weight: formats.weight,
      master: true,
      decays: [],
      rates: { ...DEFAULT_TRAINING, step: 1 },
      on,
    }) as const;

  test('on an endlessly fast host behind an endlessly fast bus saves the card its step, and nothing else', () => {
    const endless = figure<never>(1e30);
    const cluster = {
      pcie: { bandwidth: endless, efficiency: figure<never>(1), latency: figure<never>(0) },
      hostMemoryBandwidth: endless,
    };
    for (const pp of [1, 2, 4]) {
      const job = tinyJob({ layout: { pp }, cluster });
      const [on, off] = [folded(job), folded(withOffload(job, { optimizer: 'dram' }))];
      for (const [stage, { terms, parameters }] of off.stages.entries()) {
        expect(terms.offload).toBe(0);
        const card = nanoseconds(opTime(adamOp(parameters, 'card'), machineOf(job)));
        expect(nanoseconds(on.stages[stage]!.terms.optimizer) - nanoseconds(terms.optimizer)).toBe(card);
      }
      const first = nanoseconds(opTime(adamOp(off.stages[0]!.parameters, 'card'), machineOf(job)));
      expect(nanoseconds(on.step) - nanoseconds(off.step)).toBe(first);
    }
  });

  test("is no work of the card's", () => {
    const job = tinyJob();
    const share = folded(job).stages[0]!.parameters;
    const less = folded(job).hardwareFlops - folded(withOffload(job, { optimizer: 'dram' })).hardwareFlops;
    expect(less).toBe(costOf(adamOp(share, 'card')).flops);
  });
});

describe("a node's memory", () => {
  test('holds what all of its ranks put there, those of several stages too', () => {
    fc.assert(
      fc.property(offloading([1, 2, 4, 8, 16]), (job) => {
        const { layout, devices, cluster } = job;
        const { stages, host } = folded(job);
        const ranks = layout.tp * layout.cp * layout.dp;
        const nodes = Array.from({ length: Math.ceil(devices / cluster.devicesPerNode) }, () => 0);
        for (let rank = 0; rank < devices; rank++)
          nodes[Math.floor(rank / cluster.devicesPerNode)]! += stages[Math.floor(rank / ranks)]!.host;
        expect(host).toBe(Math.max(...nodes));
      }),
      { numRuns: 60 },
    );
  });

  test('is short of exactly what does not fit, and of nothing when all fits to the byte', () => {
    const job = tinyJob({ offload: { optimizer: 'dram', activations: 1 } });
    const { host } = folded(job);
    const on = (memory: number): Job => ({ ...job, cluster: { ...tinyCluster, hostMemory: figure(memory) } });
    expect(hostShortage(on(host), folded(job))).toBeNull();
    expect(hostShortage(on(host - 1), folded(job))).toBe(1);
    expect(folded(tinyJob()).host).toBe(0);
    expect(microbatchesOf(job)).toBe(8);
  });
});
