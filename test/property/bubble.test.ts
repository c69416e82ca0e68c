/** Laws of the bubble: with equal stages and messages that take no time, stages wait as long as the papers say. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bubbleFraction } from '../../src/actors/schedules/schedule.ts';
import type { Job, Layout } from '../../src/scenario/job.ts';
import type { Evaluation, StageReport } from '../../src/sim/evaluation.ts';
import { folded } from '../../src/sim/folded.ts';
import { message } from '../../src/sim/message.ts';
import { figure, tinyCluster, tinyJob } from '../worlds/jobs.ts';

const instantly = { bandwidth: figure<never>(1e18), efficiency: figure<never>(1), latency: figure<never>(0) };

/** Layers are nearly all of the work: the embedding and the head see 8 words, and messages and reads take no time. */
const evenJob = (layout: Partial<Layout>, { layers, batch }: { layers: number; batch: number }): Job =>
  tinyJob({
    layout,
    model: { layers, vocabulary: 8, position: 'none', positions: 0, norm: 'rmsnorm' },
    cluster: { scaleUp: instantly, nic: instantly, pcie: { ...tinyCluster.pcie, ...instantly } },
    workload: { globalBatch: batch },
  });

const WORK = ['matrix', 'attention', 'vector'] as const;
const workOf = ({ terms }: StageReport): number => WORK.reduce((total, term) => total + terms[term], 0);

/** Seconds that so many layers take of one microbatch, forward and backward: what as many more add to a rank alone. */
const layersTime = (layers: number): number => {
  const [once, twice] = [layers, 2 * layers].map((count) => folded(evenJob({}, { layers: count, batch: 1 })));
  return workOf(twice!.stages[0]!) - workOf(once!.stages[0]!);
};

/** Layers of a model chunk: so many that the ends of the model hardly count beside them. */
const LAYERS = 48;

interface Pipeline {
  readonly schedule: Layout['schedule'];
  readonly pp: number;
  readonly vp: number;
  readonly microbatches: number;
}

const jobOf = ({ schedule, pp, vp, microbatches }: Pipeline, layers = LAYERS): Job =>
  evenJob({ schedule, pp, vp }, { layers: pp * vp * layers, batch: microbatches });

/**
 * The step is the longest way through the passes. Those of the ends take a little longer than the others, and any way
 * meets each pass once at most: so it is no shorter than with equal passes, and longer by no more than all they take more.
 */
const expectBubble = (pipeline: Pipeline, { step, stages }: Evaluation, layers = LAYERS): void => {
  const { pp, vp, microbatches } = pipeline;
  const chunk = layersTime(layers);
  const work = microbatches * vp * chunk;
  const more = stages.reduce((total, stage) => total + workOf(stage) - work, 0);
  const bubble = (pp - 1) * chunk;
  // Half of one pass: were a stage to wait for one pass more or less, the law would not hold.
  expect(more).toBeLessThan(chunk / 6);
  const overhead = Math.max(...stages.map(({ terms }) => terms.optimizer + terms.input));
  const name = JSON.stringify(pipeline);
  expect(step, name).toBeGreaterThanOrEqual((work + bubble) * (1 - 1e-9));
  expect(step, name).toBeLessThanOrEqual((work + bubble + more + overhead) * (1 + 1e-9));
  for (const stage of stages) {
    const idle = step - workOf(stage) - stage.terms.optimizer - stage.terms.input;
    expect(stage.terms.bubble).toBeCloseTo(idle, 8);
    expect(Math.abs(idle - bubble), `stage ${stage.stage} of ${name}`).toBeLessThanOrEqual(more + overhead);
  }
  const times = { forward: 1, backward: 2, weight: 0 };
  const fraction = bubbleFraction(pipeline.schedule, { stages: pp, microbatches, chunks: vp }, times);
  expect(bubble / (work + bubble)).toBeCloseTo(fraction!, 9);
};

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

describe.each(['gpipe', '1f1b'] as const)('%s', (schedule) => {
  test('every stage waits for p - 1 passes forward and backward, for up to 8 stages and 12 microbatches', () => {
    for (const pp of upTo(8).slice(1))
      for (const microbatches of [1, 2, 3, pp - 1, pp, pp + 1, 12]) {
        const pipeline = { schedule, pp, vp: 1, microbatches };
        expectBubble(pipeline, folded(jobOf(pipeline)));
      }
  });
});

test('interleaved: with v model chunks every stage waits for p - 1 passes of a v-th of its layers', () => {
  for (const pp of upTo(6).slice(1))
    for (const vp of [2, 3, 4])
      for (const groups of [1, 2]) {
        const pipeline = { schedule: 'interleaved', pp, vp, microbatches: groups * pp } as const;
        expectBubble(pipeline, folded(jobOf(pipeline)));
      }
});

test('the message rung waits for the same bubble', () => {
  const pipelines: readonly Pipeline[] = [
    { schedule: 'gpipe', pp: 3, vp: 1, microbatches: 4 },
    { schedule: '1f1b', pp: 4, vp: 1, microbatches: 3 },
    { schedule: 'interleaved', pp: 2, vp: 2, microbatches: 4 },
  ];
  for (const pipeline of pipelines) expectBubble(pipeline, message(jobOf(pipeline)).evaluation);
});

test('a message that takes time is waited for once for each stage that it must pass, there and back', () => {
  fc.assert(
    fc.property(
      fc.record({
        schedule: fc.constantFrom('gpipe' as const, '1f1b' as const),
        pp: fc.integer({ min: 2, max: 6 }),
        microseconds: fc.integer({ min: 1, max: 50 }),
      }),
      ({ schedule, pp, microseconds }) => {
        const quick = jobOf({ schedule, pp, vp: 1, microbatches: 1 }, 2);
        const link = { ...instantly, latency: figure<never>(microseconds * 1e-6) };
        const slow: Job = { ...quick, cluster: { ...quick.cluster, scaleUp: link, nic: link } };
        const longer = folded(slow).step - folded(quick).step;
        // One microbatch goes all the way there and all the way back, and waits for every message.
        expect(longer).toBeCloseTo(2 * (pp - 1) * microseconds * 1e-6, 8);
      },
    ),
    { numRuns: 30 },
  );
});
