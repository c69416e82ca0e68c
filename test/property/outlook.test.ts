/** Laws of what a step time means: tokens, days, dollars, energy and utilisation agree with the step and with each other. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { candidateOf, priceOf } from '../../src/plan/outlook.ts';
import type { Candidate } from '../../src/plan/plan.ts';
import type { Job } from '../../src/scenario/job.ts';
import type { Model } from '../../src/scenario/model.ts';
import { hourlyPrice } from '../../src/scenario/price.ts';
import { bound } from '../../src/sim/bound.ts';
import { seconds } from '../../src/units/quantity.ts';
import { anyJob } from '../worlds/job-case.ts';
import { tinyJob } from '../worlds/jobs.ts';

const candidate = (job: Job): Candidate => candidateOf(job, bound(job));
/** The same job done in `step` seconds. */
const timed = (job: Job, step: number): Candidate => candidateOf(job, { ...bound(job), step: seconds(step) });
const tokens = fc.constantFrom(1, 1e6, 300e9, 15e12);

/** GPT-3, with the vocabulary and the batch of Narayanan et al. SC21, section 5.1. */
const gpt3: Partial<Model> = {
  layers: 96,
  hidden: 12_288,
  heads: 96,
  kvHeads: 96,
  headDim: 128,
  ffn: 49_152,
  vocabulary: 51_200,
  position: 'learned',
  positions: 2048,
  tied: true,
};
const gpt3Job = (recompute: Job['recompute']): Job =>
  tinyJob({
    model: gpt3,
    layout: { tp: 8, pp: 8, dp: 2, sequenceParallel: true },
    workload: { sequence: 2048, globalBatch: 64, tokens: 300e9 },
    recompute,
  });

describe('a step', () => {
  test('of a known length has a run whose days, dollars and energy can be checked by hand', () => {
    const { tokensPerSecond, tokensPerDay, tokensPerSecondPerDevice, run } = timed(
      gpt3Job({ kind: 'none' }),
      10,
    ).outlook;
    // 64 x 2048 = 131,072 tokens in 10 s on 128 cards.
    expect(tokensPerSecond).toBeCloseTo(13_107.2, 6);
    expect(tokensPerDay).toBeCloseTo(1_132_462_080, 2);
    expect(tokensPerSecondPerDevice).toBeCloseTo(102.4, 9);
    // 300e9 / 131,072 = 2,288,818.36 steps; at 10 s each.
    expect(run?.steps).toBe(2_288_819);
    expect(run?.time).toBe(22_888_190);
    expect(run?.days).toBeCloseTo(264.909_606, 5);
    expect(run?.deviceHours).toBeCloseTo((22_888_190 * 128) / 3600, 3);
    // $1 to $2 an hour; 400 W a card and 200 W of its host, times a PUE of 1.2.
    expect(run?.dollars?.low).toBeCloseTo(813_802.311, 2);
    expect(run?.dollars?.high).toBeCloseTo(2 * 813_802.311, 2);
    expect(run?.energy).toBeCloseTo(720 * 128 * 22_888_190, -3);
  });

  test('makes its tokens, days, dollars and energy from the same seconds', () => {
    fc.assert(
      fc.property(anyJob, tokens, fc.double({ min: 1e-3, max: 1e3, noNaN: true }), (some, wanted, step) => {
        const job = { ...some, workload: { ...some.workload, tokens: wanted } };
        const { outlook } = timed(job, step);
        const { run } = outlook;
        if (run === null) throw new Error('the job names its tokens');
        const stepTokens = job.workload.globalBatch * job.workload.sequence;
        expect(outlook.tokensPerSecond * step).toBeCloseTo(stepTokens, 6);
        expect(outlook.tokensPerDay / outlook.tokensPerSecond).toBeCloseTo(86_400, 6);
        expect(outlook.tokensPerSecondPerDevice * job.devices).toBeCloseTo(outlook.tokensPerSecond, 6);
        // Whole steps: enough for the tokens, and not one more.
        expect(run.steps * stepTokens).toBeGreaterThanOrEqual(wanted);
        expect((run.steps - 1) * stepTokens).toBeLessThan(wanted);
        expect(run.time / (run.steps * step)).toBeCloseTo(1, 12);
        expect((run.days * 24 * job.devices) / run.deviceHours).toBeCloseTo(1, 12);
        const { accelerator, hostPower, pue } = job.cluster;
        const price = hourlyPrice(job.cluster);
        if (run.dollars === null || price === null) throw new Error('the cluster has a price');
        expect(run.dollars.low / (run.deviceHours * price.low)).toBeCloseTo(1, 12);
        expect(run.dollars.high / (run.deviceHours * price.high)).toBeCloseTo(1, 12);
        const watts = (accelerator.power.value + hostPower.value) * pue.value;
        expect(run.energy / (run.deviceHours * 3600 * watts)).toBeCloseTo(1, 12);
        // The front ranks by a step's price, which is the run's in small.
        const middle = (run.dollars.low + run.dollars.high) / 2;
        expect((priceOf({ job, evaluation: { ...bound(job), step: seconds(step) } }) * run.steps) / middle).toBeCloseTo(
          1,
          12,
        );
      }),
      { numRuns: 100 },
    );
  });

  test('says nothing of a run that nobody asked about', () => {
    expect(candidate(tinyJob({ workload: { tokens: null } })).outlook.run).toBeNull();
  });
});

describe('the headroom', () => {
  test('is what the stage with the highest peak leaves of its card', () => {
    fc.assert(
      fc.property(anyJob, (job) => {
        const { evaluation, outlook } = candidate(job);
        const { stage, peak, capacity, headroom } = outlook.memory;
        expect(peak).toBe(Math.max(...evaluation.stages.map(({ memory }) => memory.total)));
        expect(evaluation.stages[stage]?.memory.total).toBe(peak);
        expect(peak + headroom).toBe(job.cluster.accelerator.memory.value);
        expect(capacity).toBe(job.cluster.accelerator.memory.value);
      }),
      { numRuns: 100 },
    );
  });
});

describe('utilisation', () => {
  // The letters of Narayanan et al. SC21, equation 3: batch, sequence, layers, hidden, vocabulary.
  const [B, s, l, h, V] = [64, 2048, 96, 12_288, 51_200];
  const peak = 312e12 * 128;

  test('by the full count is that of the published formula for GPT-3', () => {
    const { utilisation } = timed(gpt3Job({ kind: 'none' }), 10).outlook;
    // 96 B s l h^2 (1 + s/6h + V/16lh) with every layer's forward repeated; a quarter of the layers' part less without.
    const repeated = 96 * B * s * l * h ** 2 * (1 + s / (6 * h) + V / (16 * l * h));
    const forwardOfLayers = 24 * B * s * l * h ** 2 * (1 + s / (6 * h));
    expect(utilisation.mfuFull / ((repeated - forwardOfLayers) / (peak * 10))).toBeCloseTo(1, 12);
    // A query sees itself and those before it: (s + 1) / 2 keys in place of s.
    const causal = 72 * B * s * l * h ** 2 * (1 + (s + 1) / (12 * h) + V / (12 * l * h));
    expect(utilisation.mfuCausal / (causal / (peak * 10))).toBeCloseTo(1, 12);
    // 12 l h^2 (1 + 13/12h + (V + s)/12lh) parameters (equation 2) and the last norm's two rows.
    const parameters = 12 * l * h ** 2 * (1 + 13 / (12 * h) + (V + s) / (12 * l * h)) + 2 * h;
    expect(utilisation.mfu6nd / ((6 * parameters * B * s) / (peak * 10))).toBeCloseTo(1, 12);
    expect(utilisation.peakDtype).toBe('bf16');
  });

  test('of the hardware grows by the forward pass of what is run again, that of the model does not', () => {
    const [once, again] = [gpt3Job({ kind: 'none' }), gpt3Job({ kind: 'full', layers: 'all' })].map(
      (job) => timed(job, 10).outlook.utilisation,
    );
    expect(again?.mfuFull).toBe(once?.mfuFull);
    const forwardOfLayers = (24 * B * s * l * h ** 2 * (1 + s / (12 * h))) / (peak * 10);
    // Element-wise work is a part in a thousand of it.
    expect((again!.hfu - once!.hfu) / forwardOfLayers).toBeCloseTo(1, 2);
  });

  test('orders its names: causal below full, and the hardware never does less than the model asks', () => {
    fc.assert(
      fc.property(anyJob, (job) => {
        const { mfuCausal, mfuFull, hfu } = candidate(job).outlook.utilisation;
        expect(mfuCausal).toBeLessThan(mfuFull);
        expect(hfu).toBeGreaterThanOrEqual(mfuCausal);
        expect(hfu).toBeLessThanOrEqual(1);
      }),
      { numRuns: 100 },
    );
  });

  test('halves when the step takes twice as long, and refers to the peak of the format that is multiplied in', () => {
    const job = gpt3Job({ kind: 'none' });
    const [fast, slow] = [timed(job, 5), timed(job, 10)].map(({ outlook }) => outlook.utilisation);
    for (const name of ['mfuFull', 'mfuCausal', 'mfu6nd', 'hfu'] as const)
      expect(fast![name] / slow![name]).toBeCloseTo(2, 12);
    const narrow = timed({ ...job, precision: 'fp8-delayed' }, 10).outlook.utilisation;
    expect(narrow.peakDtype).toBe('fp8');
    // Twice the peak.
    expect(slow!.mfuFull / narrow.mfuFull).toBeCloseTo(2, 12);
  });
});
