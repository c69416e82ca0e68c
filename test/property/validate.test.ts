/** Laws of grading: errors, verdicts and summaries are what they say, and no row is dropped in silence. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Evaluation } from '../../src/sim/evaluation.ts';
import { microbatchesOf } from '../../src/scenario/job.ts';
import { times } from '../../src/units/quantity.ts';
import { clusterNameOf } from '../../src/validate/card.ts';
import type { Predictor } from '../../src/validate/grade.ts';
import { gradeAll } from '../../src/validate/grade.ts';
import { interpret } from '../../src/validate/interpret.ts';
import type { Row } from '../../src/validate/row.ts';
import { parseRows } from '../../src/validate/rows-file.ts';
import { quantile, summarise } from '../../src/validate/summary.ts';
import type { GradedRow } from '../../src/validate/validation.ts';
import {
  CAPACITY,
  catalogue,
  clusterWith,
  evaluate,
  gpt,
  jobOf,
  peakOf,
  predictor,
  shippedRows,
  shippedText,
} from './validate-fixtures.ts';

const rows = shippedRows();
const gradesOf = (row: Row): readonly GradedRow[] => gradeAll([row], predictor).rows;

describe('coverage', () => {
  it('every shipped row is covered in every metric that it measured', () => {
    const graded = gradeAll(rows, predictor).rows;
    expect(rows.length).toBeGreaterThan(60);
    expect(graded.filter(({ covered }) => !covered)).toEqual([]);
  });

  it('every shipped row names a card that a cluster file has', () => {
    expect(rows.filter(({ hw }) => clusterNameOf(hw.gpu ?? '') === null)).toEqual([]);
  });

  it('no row is dropped, whatever stands in its fields', () => {
    const oddity = fc.constantFrom(
      { precision: 'int3' },
      { schedule: 'figure-of-eight' },
      { recompute: 'sometimes' },
      { hw: { gpu: 'Abacus 2000' } },
      { cp: 3 },
      { tp: 7 },
      { ep: 8 },
      { cp: 2, dp: null, gpus: 128, model: { params_b: 30, seq: 2_050 } },
      { model: { name: 'nothing known' } },
      { model: { params_b: 30, moe: { experts: 8 } } },
      { model: { params_b: 30, active_b: 3 } },
      { model: { params_b: 30, moe: { experts: 8, topk: 9 } } },
      { model: { params_b: 30, mla: { q_lora: 512 } } },
      { model: { params_b: 30, attn: 'hybrid-gated-deltanet-3to1' } },
      { measured: { bubble_rate: 0.2 } },
      { measured: {} },
    );
    fc.assert(
      fc.property(fc.array(oddity, { minLength: 1, maxLength: 8 }), (oddities) => {
        const odd = oddities.map((oddity, index) => gpt({ id: `row-${index}`, ...oddity }));
        const graded = gradeAll(odd, predictor).rows;
        expect(new Set(graded.map(({ id }) => id)).size).toBe(odd.length);
        for (const { covered, reason, predicted, error } of graded) {
          expect(covered).toBe(false);
          expect(reason).toMatch(/\w{3}/);
          expect([predicted, error]).toEqual([null, null]);
        }
      }),
    );
  });

  it('a row has one entry for each metric that it measured', () => {
    const measured = { iter_s: 2, tflops_per_gpu: 100, mem_gb: 40, mem_pct: 50, oom: false };
    expect(gradesOf(gpt({ measured })).map(({ metric }) => metric)).toEqual(['step_s', 'memory_bytes', 'oom']);
  });
});

describe('grades', () => {
  it('an error is predicted over measured less one, exactly', () => {
    const graded = gradeAll(rows, predictor).rows.filter(({ metric }) => metric !== 'oom');
    for (const { predicted, measured, error } of graded) expect(error).toBe((predicted ?? 0) / (measured ?? 0) - 1);
  });

  it('an out-of-memory verdict is right, a false alarm or missed', () => {
    for (const [memory, oom, error] of [
      [1, true, 0],
      [1, false, 1],
      [1e15, true, -1],
      [1e15, false, 0],
    ] as const) {
      const graded = gradeAll([gpt({ measured: { oom } })], { clusters: () => clusterWith(memory), evaluate }).rows;
      expect(graded.map((row) => [row.metric, row.error])).toEqual([['oom', error]]);
    }
  });

  it('the same rows get the same answer', () => {
    expect(gradeAll(rows, predictor)).toEqual(gradeAll(parseRows(shippedText, 'rows.jsonl').rows, predictor));
  });

  it('what is predicted scales with the prediction alone', () => {
    const slower = (job: Parameters<typeof evaluate>[0]): Evaluation => {
      const once = evaluate(job);
      return { ...once, step: times(once.step, 2) };
    };
    const twice: Predictor = { ...predictor, evaluate: slower };
    const [once] = gradesOf(gpt());
    const [doubled] = gradeAll([gpt()], twice).rows;
    expect(doubled?.measured).toBe(once?.measured);
    expect(doubled?.predicted).toBe(2 * (once?.predicted ?? 0));
  });
});

describe('open fields', () => {
  it('what is filled is consistent, and whatever is filled is named', () => {
    const open = fc.subarray([
      'tp',
      'pp',
      'vp',
      'dp',
      'gbs',
      'mbs',
      'zero',
      'sp',
      'schedule',
      'recompute',
      'precision',
    ]);
    const framework = fc.constantFrom('Megatron-LM', 'NeMo', 'torchtitan FSDP2', 'DeepSpeed ZeRO-3', 'unheard of');
    fc.assert(
      fc.property(open, framework, fc.constantFrom(64, 128, 512), (fields, name, gpus) => {
        const row = gpt({
          framework: name,
          gpus,
          gbs: 512,
          dp: gpus / 64,
          ...Object.fromEntries(fields.map((field) => [field, null])),
        });
        const interpretation = interpret(row, catalogue);
        if (interpretation.kind === 'refused') throw new Error(interpretation.reason);
        const { job, assumed } = interpretation;
        const { tp, pp, dp } = job.layout;
        expect(tp * pp * dp).toBe(gpus);
        expect(Number.isInteger(microbatchesOf(job))).toBe(true);
        const named = assumed.join('; ');
        for (const field of ['gbs', 'mbs', 'zero', 'recompute', 'precision'])
          if (fields.includes(field)) expect(named).toMatch(new RegExp(`(^|; )${field} `));
        if (fields.includes('tp') && fields.includes('pp')) expect(named).toMatch(/tp \d+, pp \d+/);
      }),
    );
  });

  it('an open layout takes the fewest cards a replica that fit', () => {
    const row = gpt({ tp: null, pp: null, dp: null, gpus: 512, gbs: 512 });
    const job = jobOf(row);
    expect(peakOf(job)).toBeLessThanOrEqual(CAPACITY);
    expect(peakOf({ ...job, layout: { ...job.layout, pp: job.layout.pp / 2 } })).toBeGreaterThan(CAPACITY);
  });

  it('when nothing fits, the layout that lacks least is taken, and it is said', () => {
    const row = gpt({ tp: null, pp: null, dp: null, gpus: 512, gbs: 512 });
    const tiny = { ...catalogue, clusters: () => clusterWith(1) };
    const interpretation = interpret(row, tiny);
    if (interpretation.kind === 'refused') throw new Error(interpretation.reason);
    expect(interpretation.job.layout).toMatchObject({ tp: 8, pp: 64, dp: 1 });
    expect(interpretation.assumed.join('; ')).toMatch(/no choice of the open fields fits/);
  });

  it('frameworks that shard everything do so where a row does not say', () => {
    const zeroOf = (framework: string): number => jobOf(gpt({ framework, zero: null, gpus: 8, pp: 1 })).layout.zero;
    for (const name of ['torchtitan FSDP2', 'llm-foundry FSDP', 'MaxText', 'DeepSpeed ZeRO-3'])
      expect(zeroOf(name)).toBe(3);
    for (const name of ['NeMo 24.07', 'Megatron-DeepSpeed', 'unheard of']) expect(zeroOf(name)).toBe(1);
  });

  it('every sequence of the batch is run, in microbatches no larger than the row says', () => {
    const sizes = fc.integer({ min: 1, max: 40 });
    fc.assert(
      fc.property(sizes, sizes, fc.constantFrom(1, 3, 8), (mbs, perRank, dp) => {
        const job = jobOf(gpt({ gpus: 64 * dp, dp, gbs: perRank * dp, mbs }));
        expect(job.workload.globalBatch).toBe(perRank * dp);
        expect(job.layout.microbatch).toBeLessThanOrEqual(mbs);
        expect(perRank % job.layout.microbatch).toBe(0);
      }),
    );
  });

  it('gradients are not sharded under a pipeline, where they are reduced once a step', () => {
    expect(jobOf(gpt({ zero: 2 })).layout.zero).toBe(1);
    expect(jobOf(gpt({ zero: 2, gpus: 8, pp: 1 })).layout.zero).toBe(2);
  });

  it('what the row says of its node and its network replaces what the catalogue says', () => {
    const { cluster } = jobOf(
      gpt({ hw: { gpu: 'A100', gpus_per_node: 4, inter_gbps_per_gpu: 50, nvlink_domain: 16 } }),
    );
    expect(cluster.devicesPerNode).toBe(4);
    expect(cluster.scaleUpDomain).toBe(16);
    expect(cluster.nic.bandwidth.value).toBe(6.25e9);
    expect(cluster.nic.efficiency).toEqual(clusterWith(CAPACITY).nic.efficiency);
  });

  it('what the row itself assumed is passed on', () => {
    const [graded] = gradesOf(gpt({ assumed: ['vocab 51200'] }));
    expect(graded?.assumed).toContain('vocab 51200');
  });

  it('a shape derived from a number of parameters has about that number', () => {
    fc.assert(
      fc.property(fc.integer({ min: 7, max: 1000 }), (billions) => {
        const job = jobOf(
          gpt({ framework: 'MaxText', zero: 3, tp: null, pp: null, dp: null, model: { params_b: billions } }),
        );
        const { layers, hidden, ffn } = job.model;
        const parameters = layers * (4 * hidden ** 2 + 2 * hidden * ffn);
        expect(Math.abs(parameters / (billions * 1e9) - 1)).toBeLessThan(0.3);
        expect(hidden / layers).toBeGreaterThan(96);
        expect(hidden / layers).toBeLessThan(192);
      }),
    );
  });
});

describe('summaries', () => {
  const graded = (error: number | null, tier: string): GradedRow => ({
    ...(gradesOf(gpt())[0] as GradedRow),
    tier,
    covered: error !== null,
    error,
  });

  it('the classes share out every entry, and the figures are those of their members', () => {
    const error = fc.option(fc.double({ min: -1, max: 3, noNaN: true }));
    fc.assert(
      fc.property(fc.array(fc.tuple(error, fc.constantFrom('A', 'B', 'C')), { minLength: 1 }), (entries) => {
        const summaries = summarise(entries.map(([size, tier]) => graded(size, tier)));
        const all = summaries.filter(({ by }) => by === 'all');
        const tiers = summaries.filter(({ by }) => by === 'tier');
        expect(all).toHaveLength(1);
        expect(tiers.reduce((total, { count }) => total + count, 0)).toBe(entries.length);
        for (const { name, covered, mape, median, bias, p90 } of [...all, ...tiers]) {
          const errors = entries.flatMap(([size, tier]) =>
            size !== null && (name === 'all' || tier === name) ? [size] : [],
          );
          expect(covered).toBe(errors.length);
          if (errors.length === 0) expect([mape, median, bias, p90]).toEqual([null, null, null, null]);
          else {
            const mean = (values: number[]): number => values.reduce((a, b) => a + b) / values.length;
            expect(mape).toBeCloseTo(mean(errors.map(Math.abs)), 12);
            expect(bias).toBeCloseTo(mean(errors), 12);
            expect(Math.abs(bias ?? 9)).toBeLessThanOrEqual((mape ?? 0) + 1e-12);
            expect(median).toBeLessThanOrEqual(p90 ?? 0);
          }
        }
      }),
    );
  });

  it('a quantile lies where that share of the values is below it', () => {
    expect(quantile([1, 2, 3, 4, 5], 0.5)).toBe(3);
    expect(quantile([1, 2, 3, 4], 0.5)).toBe(2.5);
    expect(quantile([0, 10], 0.9)).toBeCloseTo(9, 12);
    expect(quantile([], 0.5)).toBeNull();
  });
});
