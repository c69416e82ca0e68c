/** Validations and findings of a doctor, drawn at random but whole. */
import fc from 'fast-check';
import type { Arbitrary } from 'fast-check';
import type { Finding } from '../../src/report/doctor.ts';
import type { GradedRow, Summary, Validation } from '../../src/validate/validation.ts';
import { CLASSES, METRICS } from '../../src/validate/validation.ts';

const share = fc.double({ min: -0.9, max: 9, noNaN: true });
const metric = fc.constantFrom(...METRICS);

const rows: Arbitrary<GradedRow> = fc
  .record({
    id: fc.stringMatching(/^[a-z0-9-]{3,24}$/u),
    metric,
    covered: fc.boolean(),
    reason: fc.lorem({ maxCount: 15 }),
    assumed: fc.array(fc.constantFrom('mbs 1', 'vp 1', 'recompute full'), { maxLength: 3 }),
    predicted: fc.double({ min: 1e-3, max: 1e11, noNaN: true }),
    factor: fc.double({ min: 0.01, max: 100, noNaN: true }),
    verdicts: fc.tuple(fc.boolean(), fc.boolean()),
    isDense: fc.boolean(),
    jobClass: fc.constantFrom('Ampere in 16 bits', 'Ampere in fp8'),
  })
  .map(({ verdicts, reason, jobClass, factor, ...row }) => {
    const [predicted, measured] = row.metric === 'oom' ? verdicts.map(Number) : [row.predicted, row.predicted * factor];
    const error = row.metric === 'oom' ? (predicted ?? 0) - (measured ?? 0) : (predicted ?? 0) / (measured ?? 1) - 1;
    const place = {
      suite: 'megatron',
      group: 'megatron-a100',
      tier: 'A',
      card: 'A100',
      precision: 'bf16',
      jobClass: null,
    };
    return row.covered
      ? {
          ...row,
          ...place,
          jobClass: row.metric === 'step_s' ? jobClass : null,
          reason: null,
          predicted: predicted ?? null,
          measured: measured ?? null,
          error,
        }
      : { ...row, ...place, reason, predicted: null, measured: null, error: null };
  });

const summaries: Arbitrary<Summary> = fc.record({
  by: fc.constantFrom(...CLASSES),
  name: fc.constantFrom('all', 'A', 'megatron-selective', 'H100-SXM'),
  metric,
  count: fc.nat(1000),
  covered: fc.nat(1000),
  mape: fc.option(fc.double({ min: 0, max: 9, noNaN: true })),
  median: fc.option(fc.double({ min: 0, max: 9, noNaN: true })),
  bias: fc.option(share),
  p90: fc.option(fc.double({ min: 0, max: 9, noNaN: true })),
});

export const validations: Arbitrary<Validation> = fc.record({
  rows: fc.array(rows, { maxLength: 20 }),
  summary: fc.array(summaries, { minLength: 1, maxLength: 8 }),
});

export const findings: Arbitrary<readonly Finding[]> = fc.array(
  fc.record({
    name: fc.constantFrom('node', 'cores', 'worker threads', 'npm gpu.js'),
    state: fc.constantFrom('ok' as const, 'missing' as const, 'broken' as const),
    found: fc.lorem({ maxCount: 20 }),
    needed_for: fc.lorem({ maxCount: 6 }),
    is_required: fc.boolean(),
    install: fc.option(fc.lorem({ maxCount: 15 })),
  }),
  { minLength: 1, maxLength: 10 },
);
