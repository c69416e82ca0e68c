/** Laws of a step of a pipeline: what travels between stages, what a stage does with a pass in two, keeps, and waits for. */
import { describe, expect, test } from 'vitest';
import { deviceContext } from '../../src/actors/device-context.ts';
import { stageSize } from '../../src/actors/mesh.ts';
import { crossingBytes } from '../../src/actors/pipeline-link.ts';
import type { Trace } from '../../src/effects/trace.ts';
import { DTYPE_BYTES } from '../../src/kernels/dtype.ts';
import type { Purpose } from '../../src/memory/purpose.ts';
import { PURPOSES } from '../../src/memory/purpose.ts';
import { FORMATS } from '../../src/model/precision.ts';
import type { Job, ScheduleName } from '../../src/scenario/job.ts';
import { microbatchesOf } from '../../src/scenario/job.ts';
import { positionCount } from '../../src/scenario/layer-split.ts';
import type { Model } from '../../src/scenario/model.ts';
import { message } from '../../src/sim/message.ts';
import type { Profiles } from '../../src/sim/profile.ts';
import { rank } from '../../src/units/identity.ts';
import { countStep, productsOf } from '../worlds/counting.ts';
import { figure, tinyCluster, tinyModel } from '../worlds/jobs.ts';
import { pipelineJob, pipelinesOf, runStages } from '../worlds/pipelines.ts';

const add = (terms: readonly number[]): number => terms.reduce((sum, term) => sum + term, 0);
/** How the messages of the pipeline are named, each as its sender, or its receiver, knows it. */
const namesIn = (trace: Trace, kind: 'message' | 'receipt'): string[] =>
  trace.flatMap((entry) =>
    entry.kind === kind && entry.axis === 'pp' ? [`${entry.from} -> ${entry.to}: ${entry.tag}`] : [],
  );

describe('a step', () => {
  test('of every schedule multiplies what the plain one does: nothing is forgotten, and nothing done twice', () => {
    for (const pp of [2, 4])
      for (const tp of [1, 2])
        for (const recompute of [{ kind: 'none' }, { kind: 'full', layers: 'all' }] as const) {
          const parts = { recompute, model: { layers: 8 * 3 } };
          const [plain, ...others] = pipelinesOf(pp, { tp }, parts);
          const wanted = productsOf(plain!);
          for (const job of others)
            expect({ job: job.layout, ...productsOf(job) }).toEqual({ job: job.layout, ...wanted });
        }
  });

  test('leaves nothing behind on any rank: weights, gradients, states and the framework stay', () => {
    for (const layout of [
      { tp: 2 },
      { dp: 2, zero: 1 as const },
      { dp: 2, zero: 3 as const },
      { dp: 2, tp: 2, sequenceParallel: true },
    ])
      for (const job of pipelinesOf(4, layout, { model: { dropout: true, tied: true } }))
        for (const { held } of countStep(job))
          expect({ ...job.layout, left: held.activations + held.workspace + held.input }).toEqual({
            ...job.layout,
            left: 0,
          });
  });

  test('sends each tensor across each border of stages once, and hands it over where there is none', () => {
    for (const pp of [2, 4])
      for (const job of pipelinesOf(pp)) {
        const { schedule } = job.layout;
        const borders = positionCount(job.layout) - 1 - (schedule === 'zb-v' ? 1 : 0);
        const message = crossingBytes(deviceContext(job, rank(0)));
        const gradients = schedule === 'dualpipe' ? add(countStep(job).map(({ held }) => held.gradients)) : 0;
        const sent = add(countStep(job).map((tally) => tally.sent.pp));
        expect({ ...job.layout, sent }).toEqual({
          ...job.layout,
          sent: 2 * microbatchesOf(job) * borders * message + gradients,
        });
      }
  });

  test('gives every message between two ranks a name of its own, and one name to both its ends', () => {
    for (const job of [2, 4].flatMap((pp) => pipelinesOf(pp, {}, { model: { tied: true, predictors: 1 } }))) {
      const { trace } = message(job);
      const sent = namesIn(trace, 'message');
      expect({ ...job.layout, count: new Set(sent).size }).toEqual({ ...job.layout, count: sent.length });
      expect(namesIn(trace, 'receipt').toSorted()).toEqual(sent.toSorted());
    }
  });

  test('ends at the instant at which it ends with every operation and every message run', () => {
    for (const layout of [{}, { microbatch: 2 }])
      for (const job of pipelinesOf(4, layout)) {
        const end = Math.max(...runStages(job).map(({ state }) => state.at));
        expect({ ...job.layout, end }).toEqual({ ...job.layout, end: Math.round(message(job).evaluation.step * 1e9) });
      }
  });

  test('sums a copied table over the ends of the pipeline, and without any message where they are on one rank', () => {
    const bytesOf = (schedule: ScheduleName, model: Partial<Model>): number =>
      add(
        countStep(pipelineJob({ schedule, pp: 4 }, { parts: { model: { layers: 24, ...model } } })).map(
          ({ sent }) => sent.pp,
        ),
      );
    const { vocabulary, hidden } = tinyModel;
    const there = 2 * vocabulary * hidden * DTYPE_BYTES[FORMATS.bf16.gradient];
    for (const model of [{ tied: true }, { predictors: 1 }, { tied: true, predictors: 2 }]) {
      for (const schedule of ['1f1b', 'interleaved', 'zb-h1'] as const)
        expect(bytesOf(schedule, model) - bytesOf(schedule, {})).toBe(there);
      expect(bytesOf('zb-v', model)).toBe(bytesOf('zb-v', {}));
    }
  });

  test('of DualPipe sums the gradients of both copies, the shards alone under ZeRO 1', () => {
    const of = (zero: 0 | 1): number =>
      add(countStep(pipelineJob({ schedule: 'dualpipe', pp: 4, dp: 2, zero })).map(({ sent }) => sent.pp));
    const job = pipelineJob({ schedule: 'dualpipe', pp: 4, dp: 2 });
    const gradients = add(countStep(job).map(({ held }) => held.gradients));
    expect(of(0) - of(1)).toBe(gradients / 2);
  });

  test('reduces every gradient over the data ranks once, whatever the schedule', () => {
    for (const zero of [0, 1] as const) {
      const jobs = pipelinesOf(4, { dp: 2, zero }, { model: { layers: 24 } });
      const trips = (job: Job): number => add(countStep(job).map((tally) => tally.trips.dp));
      const copies = (job: Job): number => (job.layout.schedule === 'dualpipe' ? 2 : 1);
      for (const job of jobs) expect(trips(job) / copies(job)).toBe(trips(jobs[0]!));
    }
  });

  test('holds and sends the same at the end whether its passes are replayed from profiles or run one by one', () => {
    const lasting: readonly Purpose[] = PURPOSES.filter((purpose) => purpose !== 'communication');
    for (const layout of [{}, { tp: 2 }, { dp: 2, zero: 1 as const }])
      for (const job of pipelinesOf(4, layout)) {
        const tallies = countStep(job);
        for (const [stage, { state }] of runStages(job).entries()) {
          const tally = tallies[stage * stageSize(job.layout)]!;
          const { net } = state.ledger.delta;
          expect(lasting.map((purpose) => net[PURPOSES.indexOf(purpose)])).toEqual(
            lasting.map((one) => tally.held[one]),
          );
          expect(state.meter.sentOn('pp')).toBe(tally.sent.pp);
        }
      }
  });

  test('computes as much with its backward passes in two as with them in one, replayed or not', () => {
    const flopsOf = (schedule: ScheduleName, vp = 1): number =>
      add(runStages(pipelineJob({ schedule, pp: 4, vp }, { layers: 12 / vp })).map(({ state }) => state.meter.flops));
    expect(flopsOf('zb-h1')).toBe(flopsOf('1f1b'));
    expect(flopsOf('zb-v', 2)).toBe(flopsOf('1f1b'));
  });
});

describe('the memory of a whole job', () => {
  const PP = 4;
  /** Bytes of activations at the peak of each stage, in those that one microbatch leaves on a stage of 1F1B. */
  const peaksOf = (schedule: ScheduleName): readonly number[] => {
    const parts = { model: { vocabulary: 8 } };
    const job = pipelineJob({ schedule, pp: PP }, { layers: schedule === 'zb-v' ? 6 : 12, microbatches: 12, parts });
    return runStages(job).map(
      ({ state }) => state.ledger.delta.peakByPurpose[PURPOSES.indexOf('activations')]! / oneMicrobatch(),
    );
  };
  const oneMicrobatch = (): number => {
    const [, , , last] = runStages(
      pipelineJob({ schedule: '1f1b', pp: PP }, { layers: 12, parts: { model: { vocabulary: 8 } } }),
    );
    return last!.state.ledger.delta.peakByPurpose[PURPOSES.indexOf('activations')]!;
  };
  const rounded = (peaks: readonly number[]): readonly number[] => peaks.map((peak) => Math.round(peak * 20) / 20);

  test('is the published one: p - s microbatches with 1F1B, p on every stage with ZB-V, p + 1 with DualPipe', () => {
    expect(rounded(peaksOf('1f1b'))).toEqual([4, 3, 2, 1]);
    expect(rounded(peaksOf('zb-v'))).toEqual([4, 4, 4, 4]);
    expect(rounded(peaksOf('dualpipe'))).toEqual([5, 5, 5, 5]);
  });

  test('is p microbatches on the first stage with ZB-H1; each stage behind keeps one less, and a part of one more', () => {
    const [first, ...others] = peaksOf('zb-h1');
    expect(rounded([first!])).toEqual([4]);
    for (const [index, peak] of others.entries()) {
      expect(peak).toBeGreaterThan(PP - 1 - index);
      expect(peak).toBeLessThan(PP);
    }
  });
});

describe('the bubble of a whole job', () => {
  const instantly = { bandwidth: figure<never>(1e18), efficiency: figure<never>(1), latency: figure<never>(0) };
  /** Layers are nearly all of the work, and messages and reads take no time. */
  const parts = {
    model: { vocabulary: 8, position: 'none', positions: 0, norm: 'rmsnorm' },
    cluster: { scaleUp: instantly, nic: instantly, pcie: { ...tinyCluster.pcie, ...instantly } },
  } as const;
  const LAYERS = 96;

  /** When each stage has run its last pass. */
  const finishesOf = (job: Job, profiles?: Profiles): readonly number[] =>
    runStages(job, profiles).map(({ state }) => state.marks.get('finish')!);

  test.each([3, 4, 6])('is the published one with ZB-H1 on %i stages, from the times of its own passes', (pp) => {
    const profiles: Profiles = new Map();
    const end = Math.max(
      ...finishesOf(pipelineJob({ schedule: 'zb-h1', pp }, { layers: LAYERS, microbatches: 3 * pp, parts }), profiles),
    );
    const time = (pass: string): number => profiles.get(`${pass} ${LAYERS} layer`)!.nanoseconds;
    const [forward, backward, weight] = [time('forward'), time('backward inputs'), time('weight')];
    const published = 3 * pp * (forward + backward + weight) + (pp - 1) * (forward + backward - weight);
    // The ends of the model take a little more, of every microbatch: together less than any pass too many or too few.
    const ends = ['embedding', 'head'].flatMap((end) =>
      ['forward', 'backward inputs', 'weight'].map((pass) => profiles.get(`${pass} ${end}`)!.nanoseconds),
    );
    const more = (3 * pp + 1) * add(ends);
    expect(weight).toBeLessThan(backward);
    expect(more).toBeLessThan(weight);
    expect(end).toBeGreaterThan(published);
    expect(end).toBeLessThan(published + more);
  });

  test('is shorter with ZB-H1 and ZB-V than with 1F1B', () => {
    const step = (schedule: ScheduleName): number =>
      Math.max(
        ...finishesOf(
          pipelineJob({ schedule, pp: 4 }, { layers: schedule === 'zb-v' ? 12 : 24, microbatches: 8, parts }),
        ),
      );
    expect(step('zb-h1')).toBeLessThan(step('1f1b'));
    expect(step('zb-v')).toBeLessThan(step('1f1b'));
  });
});
