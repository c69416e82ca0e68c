/** Laws of what a row says: its fields, its conventions, and what of it can be graded. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Convention } from '../../src/validate/convention.ts';
import { stepFlops } from '../../src/validate/convention.ts';
import { memoryOutcomeOf } from '../../src/validate/memory-outcome.ts';
import type { Row } from '../../src/validate/row.ts';
import { parseRows } from '../../src/validate/rows-file.ts';
import { stepOutcomeOf } from '../../src/validate/step-outcome.ts';
import { gpt, HARDWARE, jobOf, shippedRows } from './validate-fixtures.ts';

/** Rows whose source counts FLOPs in a way of its own. */
const EXEMPT = /^bigsci-v100|gpt-oss-120b-.*-bf16$/;
const positive = fc.double({ min: 1e-3, max: 1e6, noNaN: true });

describe('units', () => {
  const secondsOf = (row: Row): number => stepOutcomeOf(row, jobOf(row))?.value.seconds ?? 0;

  it('FLOP/s by any convention and seconds turn into each other and back', () => {
    const conventions: readonly (readonly [string, Convention])[] = [
      ['model FLOPs, attention non-causal (full)', { attention: 'full', recompute: false, weightGradients: true }],
      ['model FLOPs, attention causal', { attention: 'causal', recompute: false, weightGradients: true }],
      ['hardware (incl. full recompute)', { attention: 'full', recompute: true, weightGradients: true }],
      [
        'hardware (4x) with recompute; params x tokens only',
        { attention: 'none', recompute: true, weightGradients: true },
      ],
      ['causal, base weight-gradient excluded', { attention: 'causal', recompute: false, weightGradients: false }],
    ];
    fc.assert(
      fc.property(fc.constantFrom(...conventions), positive, ([text, convention], seconds) => {
        const job = jobOf(gpt());
        const tflops = stepFlops(job, convention) / (seconds * job.devices) / 1e12;
        const read = secondsOf(gpt({ flops_convention: text, measured: { tflops_per_gpu: tflops } }));
        expect(read / seconds).toBeCloseTo(1, 12);
        const utilisation = secondsOf(gpt({ flops_convention: text, measured: { mfu: tflops } }));
        expect(utilisation / seconds).toBeCloseTo(1, 12);
      }),
    );
  });

  it('tokens, samples and card-hours and seconds turn into each other and back', () => {
    fc.assert(
      fc.property(positive, (seconds) => {
        const tokens = 64 * 2048;
        for (const measured of [
          { tokens_per_s: tokens / seconds },
          { tokens_per_s_per_gpu: tokens / seconds / 64 },
          { samples_per_s: 64 / seconds },
          { samples_per_gpu_per_s: 1 / seconds },
          { gpu_hours: (64 * 1000 * seconds) / 3600, tokens: 1000 * tokens },
          { train_days: (1000 * seconds) / 86_400, tokens: 1000 * tokens },
        ])
          expect(secondsOf(gpt({ measured })) / seconds).toBeCloseTo(1, 12);
      }),
    );
  });

  it('GB are 1e9 bytes and GiB 2^30', () => {
    const bytesOf = (measured: object): number | undefined => {
      const row = gpt({ measured });
      return memoryOutcomeOf(row, jobOf(row))?.value.bytes;
    };
    expect(bytesOf({ mem_gb: 64 })).toBe(64e9);
    expect(bytesOf({ mem_gib_allocated: 64 })).toBe(64 * 2 ** 30);
    expect(bytesOf({ mem_pct: 50 })).toBe(40e9);
  });

  it('hardware FLOPs of a GPT are the 96 B s L h^2 (1 + s/6h + V/16Lh) of Narayanan et al. 2021', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 16 }),
        fc.integer({ min: 1, max: 96 }),
        fc.integer({ min: 1, max: 64 }),
        (batch, layers, heads) => {
          const [h, s, v] = [128 * heads, 2048, 51_200];
          const shape = { layers, hidden: h, heads, kv_heads: heads, ffn: 4 * h, seq: s, vocab: v };
          const job = jobOf(gpt({ gpus: batch, tp: 1, pp: 1, dp: batch, gbs: batch }, shape));
          const published = 96 * batch * s * layers * h ** 2 * (1 + s / (6 * h) + v / (16 * layers * h));
          expect(stepFlops(job, HARDWARE) / published).toBeCloseTo(1, 12);
        },
      ),
    );
  });

  it('the FLOP/s that sources print give the step times that they print, within 5 %', () => {
    // BigScience's V100 tables count parameters x tokens alone, to which the head and the embedding belong; the bf16 tables of
    // gpt-oss-120b count a fifth less a token than the mxfp8 tables of the same source.
    const ratios = shippedRows().flatMap((row) => {
      const { tflops_per_gpu, mfu: _, ...others } = row.measured;
      if (tflops_per_gpu === undefined || row.flops_convention === null || EXEMPT.test(row.id)) return [];
      const job = jobOf(row);
      const step = stepOutcomeOf({ ...row, measured: others }, job)?.value.seconds;
      const byFlops = stepOutcomeOf({ ...row, measured: { tflops_per_gpu } }, job)?.value.seconds;
      return step === undefined || byFlops === undefined ? [] : [{ id: row.id, ratio: byFlops / step }];
    });
    expect(ratios.length).toBeGreaterThan(20);
    expect(ratios.filter(({ ratio }) => Math.abs(ratio - 1) > 0.05)).toEqual([]);
  });

  it('activations without recomputation are those that Korthikanti et al. 2022 print for 22B and 175B', () => {
    const gibibytesOf = (row: Row): number => (memoryOutcomeOf(row, jobOf(row))?.value.bytes ?? 0) / 2 ** 30;
    const measured = { activation_mem_pct_of_norecompute: 100 };
    const model = { layers: 48, hidden: 6144, heads: 64, kv_heads: 64, ffn: 24_576 };
    expect(gibibytesOf(gpt({ measured, gpus: 8, pp: 1, gbs: 4, mbs: 4 }, model))).toBeCloseTo(59.25, 1);
    expect(gibibytesOf(gpt({ measured, vp: 3 }))).toBeCloseTo(66.84, 1);
  });
});

describe('the file', () => {
  const good = JSON.stringify({ id: 'a', model: {}, hw: {}, measured: {} });

  it('every bad line is complained about at its place, and no good one', () => {
    const bad: readonly (readonly [string, number])[] = [
      ['{"id": "b", "model": {}, "hw": {}', 34],
      ['{"id": x}', 8],
      ['{"id": "c" "hw": {}}', 12],
      ['[]', 1],
      ['{"id": "d", "model": {}, "hw": {}, "measured": {}, "tp": "8"}', 52],
      ['{"id": "e", "model": {"layers": -1}, "hw": {}, "measured": {}}', 23],
    ];
    fc.assert(
      fc.property(fc.array(fc.option(fc.constantFrom(...bad)), { minLength: 1, maxLength: 12 }), (lines) => {
        const text = lines.map((line) => line?.[0] ?? good).join('\n');
        const { rows: read, complaints } = parseRows(text, 'rows.jsonl');
        const wanted = lines.flatMap((line, index) => (line === null ? [] : [{ line: index + 1, column: line[1] }]));
        expect(complaints.map(({ line }) => line)).toEqual(wanted.map(({ line }) => line));
        for (const [index, { column }] of wanted.entries()) expect(complaints[index]?.column).toBe(column);
        expect(read.length).toBe(lines.length - wanted.length);
      }),
    );
  });

  it('an empty file is a complaint', () => {
    expect(parseRows('\n\n', 'rows.jsonl').complaints).toHaveLength(1);
  });
});
