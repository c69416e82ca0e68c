/** Laws of memory: the peak is made of its parts, nothing leaks, and layers keep what Korthikanti et al. 2022 count. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Purpose } from '../../src/memory/purpose.ts';
import { PURPOSES } from '../../src/memory/purpose.ts';
import type { Job, Layout, Precision, ZeroStage } from '../../src/scenario/job.ts';
import { stageSize } from '../../src/actors/mesh.ts';
import { folded } from '../../src/sim/folded.ts';
import { message } from '../../src/sim/message.ts';
import { positions } from '../worlds/collective-case.ts';
import { countStep } from '../worlds/counting.ts';
import { anyJob, anyJobOf, legalJobs, nameOf } from '../worlds/job-case.ts';
import { figure, tinyJob, tinySoftware } from '../worlds/jobs.ts';
import { keptBytes } from '../worlds/one-layer.ts';

const add = (terms: readonly number[]): number => terms.reduce((sum, term) => sum + term, 0);
const record = (amounts: readonly number[]): Record<string, number> =>
  Object.fromEntries(PURPOSES.map((purpose, index) => [purpose, amounts[index]!]));
const STAYS: readonly Purpose[] = ['weights', 'gradients', 'optimizer', 'framework'];

test('the peak is the sum of its parts, holds all that stays, and pays the allocator its share', () => {
  fc.assert(
    fc.property(fc.constantFrom(1, 2, 4, 8, 16, 32).chain(anyJobOf), (job) => {
      const { frameworkMemory, allocatorOverhead } = job.software;
      for (const { memory } of folded(job).stages) {
        const { total, byPurpose } = memory;
        expect(add(Object.values(byPurpose))).toBeCloseTo(total, 3);
        for (const purpose of PURPOSES) expect(byPurpose[purpose]).toBeGreaterThanOrEqual(0);
        for (const purpose of STAYS) expect(byPurpose[purpose]).toBeGreaterThan(0);
        expect(byPurpose.framework).toBe(frameworkMemory.value);
        const managed = total - byPurpose.allocator - byPurpose.framework;
        expect(byPurpose.allocator).toBe(Math.ceil(managed * allocatorOverhead.value));
      }
    }),
    { numRuns: 300 },
  );
});

/** The report to the supervisor, which stays: the step's loss, the squares of the gradients and the factor they get, in fp32. */
const REPORT = 3 * 4;

const expectNoLeak = (job: Job): void => {
  for (const { memory } of message(job).reports) {
    const { weights, gradients, optimizer, framework, ...rest } = record(memory.net);
    expect(Math.min(weights!, gradients!, optimizer!, framework!)).toBeGreaterThan(0);
    const gone = { activations: 0, workspace: 0, communication: REPORT, input: 0, allocator: 0 };
    expect({ job: nameOf(job), ...rest }).toEqual({ job: nameOf(job), ...gone });
  }
};

describe('after a step a rank holds weights, gradients and optimizer states, its report, and nothing else', () => {
  test.each([1, 2, 4, 6])('on every layout of %d ranks', (devices) => {
    for (const job of legalJobs(devices, { workload: { globalBatch: devices } })) expectNoLeak(job);
  });
  test('for every model, precision and recomputation', () => {
    fc.assert(fc.property(anyJob, expectNoLeak), { numRuns: 60 });
  });
});

test('a world that knows no time and no strands holds as much in the end, and never more in between', () => {
  fc.assert(
    fc.property(anyJob, (job) => {
      const tallies = countStep(job);
      for (const [index, { memory }] of message(job).reports.entries()) {
        expect(record(memory.net)).toEqual(tallies[index]!.held);
        expect(tallies[index]!.peak).toBeLessThanOrEqual(memory.peak);
      }
    }),
    { numRuns: 60 },
  );
});

test('on ranks that share nothing with others the peak is that of the program read line by line', () => {
  fc.assert(
    fc.property(fc.constantFrom(1, 2, 4, 8).chain(anyJobOf), (job) => {
      if (stageSize(job.layout) > 1) return;
      const tallies = countStep(job);
      for (const [index, { memory }] of message(job).reports.entries()) expect(memory.peak).toBe(tallies[index]!.peak);
    }),
    { numRuns: 150 },
  );
});

const gpt = (layout: Partial<Layout>, { sequence, heads }: { sequence: number; heads: number }): Job =>
  tinyJob({
    layout,
    model: { heads, kvHeads: heads, headDim: 256 / heads, dropout: true },
    workload: { sequence },
    precision: 'fp16',
    software: { ...tinySoftware, attention: 'unfused', allocatorOverhead: figure(0) },
  });

/**
 * Korthikanti et al. 2022 (arXiv:2205.05198), equations 1, 2 and 4 and table 2: bytes of activations a layer of a GPT in
 * 16 bits with s tokens, b sequences, h hidden, a heads on t tensor ranks.
 */
describe('a layer of a GPT keeps what Korthikanti et al. 2022 count', () => {
  test.each([1, 2, 4, 8])('on %d tensor ranks', (tp) => {
    for (const sequenceParallel of tp === 1 ? [false] : [false, true])
      for (const microbatch of [1, 3])
        for (const sequence of [64, 128, 256])
          for (const heads of [8, 16]) {
            const job = gpt({ tp, sequenceParallel, microbatch }, { sequence, heads });
            const { hidden: h } = job.model;
            const sbh = sequence * microbatch * h;
            const scores = (5 * heads * sequence) / h;
            const shared = sequenceParallel ? 10 / tp : 10;
            expect(keptBytes(job, new Set())).toBe(sbh * (shared + 24 / tp + scores / tp));
            expect(keptBytes(job, new Set(['core_attn']))).toBe(sbh * (shared + 24 / tp));
            expect(keptBytes(job, 'all')).toBe(sequenceParallel ? (2 * sbh) / tp : 2 * sbh);
            // Both norms' outputs, and the activation's: what each module of selective recomputation gives back.
            const norms = sequenceParallel ? 4 / tp : 4;
            expect(keptBytes(job, new Set(['core_attn', 'layernorm']))).toBe(sbh * (shared - norms + 24 / tp));
            expect(keptBytes(job, new Set(['core_attn', 'mlp_act']))).toBe(sbh * (shared + 16 / tp));
          }
  });

  test('flash attention keeps a number a token and head instead of the scores (Dao et al. 2022)', () => {
    const job = gpt({ tp: 2 }, { sequence: 128, heads: 8 });
    const flash = { ...job, software: { ...job.software, attention: 'flash' as const } };
    expect(keptBytes(flash, new Set())).toBe(128 * 256 * (10 + 24 / 2) + (4 * 128 * 8) / 2);
  });
});

/** The published counts of forward passes whose backward is still to come, at their peak on stage s of p. */
const IN_FLIGHT: Readonly<
  Record<'gpipe' | '1f1b' | 'interleaved', (seat: Record<'s' | 'p' | 'm' | 'v', number>) => number>
> = {
  gpipe: ({ m }) => m,
  '1f1b': ({ s, p, m }) => Math.min(m, p - s),
  interleaved: ({ s, p, m, v }) => Math.min(m * v, 2 * (p - s - 1) + (v - 1) * p + 1),
};

test('at its peak a stage keeps the activations of as many passes as the schedule has in flight', () => {
  const layers = 3;
  for (const schedule of ['gpipe', '1f1b', 'interleaved'] as const)
    for (const p of [3, 4, 6])
      for (const m of [p, 2 * p, 3 * p]) {
        const v = schedule === 'interleaved' ? 2 : 1;
        const base = gpt({ pp: p, vp: v, schedule }, { sequence: 128, heads: 8 });
        const job = { ...base, model: { ...base.model, layers: layers * p * v } };
        const each = keptBytes(job, new Set());
        for (const { stage: s, memory } of folded({ ...job, workload: { ...job.workload, globalBatch: m } }).stages) {
          // The stages in the middle keep nothing but layers. The peak is within a pass: up to a layer more or less.
          if (s === 0 || s === p - 1) continue;
          const kept = IN_FLIGHT[schedule]({ s, p, m, v }) * layers * each;
          const off = Math.abs(memory.byPurpose.activations - kept);
          expect(off, `${schedule}, stage ${s} of ${p}, ${m} microbatches`).toBeLessThanOrEqual(each);
        }
      }
});

/**
 * Bytes a parameter of weights, gradients and optimizer states on d data ranks: Megatron-LM's table in its document on
 * the distributed optimizer (ZeRO 1), and Rajbhandari et al. 2020, figure 1, for the further stages.
 */
const STATIC: Readonly<Record<string, (d: number, zero: ZeroStage) => number>> = {
  fp16: (d, zero) => [20, 4 + 16 / d, 2 + 18 / d, 20 / d][zero]!,
  bf16: (d, zero) => [18, 6 + 12 / d, 2 + 16 / d, 18 / d][zero]!,
  fp32: (d, zero) => [16, 8 + 8 / d, 4 + 12 / d, 16 / d][zero]!,
};

test.each(Object.entries(STATIC))('a parameter in %s takes the bytes of the published table', (precision, bytesOf) => {
  for (const dp of [1, 2, 4, 8])
    for (const zero of dp === 1 ? ([0] as const) : ([0, 1, 2, 3] as const)) {
      const { memory, parameters } = folded(tinyJob({ layout: { dp, zero }, precision: precision as Precision }))
        .stages[0]!;
      const { weights, gradients, optimizer } = memory.byPurpose;
      expect((weights + gradients + optimizer) / parameters, `ZeRO ${zero} of ${dp}`).toBe(bytesOf(dp, zero));
    }
});

test('what one stage holds does not depend on how many microbatches follow', () => {
  const counts = [8, 16, 64].map((globalBatch) =>
    folded(tinyJob({ layout: { pp: 4, dp: 2, zero: 1 }, workload: { globalBatch } })).stages.map(
      ({ memory }) => memory.total,
    ),
  );
  expect(counts[1]).toEqual(counts[2]);
  for (const index of positions(4)) expect(counts[0]![index]).toBeLessThanOrEqual(counts[1]![index]!);
});
