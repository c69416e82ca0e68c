/** Laws of the error bands: what they count, what they promise, and that the shipped file is what the shipped rows give. */
import { readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonText } from '../../src/report/json.ts';
import { PRECISIONS } from '../../src/scenario/job.ts';
import type { BandsFile } from '../../src/validate/bands.ts';
import { bandFor, bandsFileSchema, bandsOf } from '../../src/validate/bands.ts';
import { gradeAll } from '../../src/validate/grade.ts';
import { jobClassOf } from '../../src/validate/job-class.ts';
import { validate } from '../../src/validate/validate.ts';
import type { GradedRow } from '../../src/validate/validation.ts';
import { gpt, jobOf, predictor, shippedClusterNames, shippedCluster, shippedText } from './validate-fixtures.ts';

const [graded] = gradeAll([gpt({ tier: 'A' })], predictor).rows;
if (graded === undefined) throw new Error('a row with a step time has a grade');
const CLASS = 'Ampere in 16 bits';
/** A run that took `factor` times its prediction. */
const took = (factor: number, changes: Partial<GradedRow> = {}): GradedRow => ({
  ...graded,
  jobClass: CLASS,
  predicted: 1,
  measured: factor,
  error: 1 / factor - 1,
  ...changes,
});
const factors = fc.double({ min: 0.1, max: 10, noNaN: true });
/** So far apart that rounding moves none of them past another. */
const distinct = fc.integer({ min: 1, max: 10_000 }).map((thousandths) => thousandths / 1000);
const only = ({ classes }: BandsFile): BandsFile['classes'][number] => {
  const [first] = classes;
  if (first === undefined || classes.length !== 1) throw new Error(`wanted one class, got ${classes.length}`);
  return first;
};

describe('a band', () => {
  it('below 20 rows is where all of them lay, the extremes included', () => {
    fc.assert(
      fc.property(fc.array(factors, { minLength: 1, maxLength: 19 }), (drawn) => {
        const { rows, low, median, high } = only(bandsOf(drawn.map((factor) => took(factor))));
        expect(rows).toBe(drawn.length);
        expect(low / Math.min(...drawn)).toBeCloseTo(1, 12);
        expect(high / Math.max(...drawn)).toBeCloseTo(1, 12);
        expect(drawn.filter((factor) => factor <= median * (1 + 1e-12)).length * 2).toBeGreaterThanOrEqual(rows);
        expect(drawn.filter((factor) => factor >= median * (1 - 1e-12)).length * 2).toBeGreaterThanOrEqual(rows);
      }),
    );
  });
  it('from 20 rows on leaves a twentieth of them out at each end, and no more', () => {
    fc.assert(
      fc.property(fc.uniqueArray(distinct, { minLength: 20, maxLength: 200 }), (drawn) => {
        const { low, high } = only(bandsOf(drawn.map((factor) => took(factor))));
        for (const out of [
          drawn.filter((factor) => factor < low * (1 - 1e-12)),
          drawn.filter((factor) => factor > high * (1 + 1e-12)),
        ]) {
          expect(out.length).toBeGreaterThanOrEqual(1);
          expect(out.length).toBeLessThanOrEqual(Math.ceil(drawn.length / 20));
        }
      }),
    );
  });
  it('has the median error that summaries have: of predicted / measured - 1', () => {
    expect(only(bandsOf([took(2), took(1), took(4)])).median_error).toBeCloseTo(-0.5, 12);
    expect(only(bandsOf([took(2), took(1), took(4)])).median).toBeCloseTo(2, 12);
  });
  it('moves against the predictions: twice the prediction, half the factor', () => {
    fc.assert(
      fc.property(fc.array(factors, { minLength: 1, maxLength: 40 }), (drawn) => {
        const before = only(bandsOf(drawn.map((factor) => took(factor))));
        const after = only(bandsOf(drawn.map((factor) => took(factor / 2))));
        for (const key of ['low', 'median', 'high'] as const) expect(after[key] / before[key]).toBeCloseTo(0.5, 12);
      }),
    );
  });
  it('counts step times of tiers A and B alone, each in its own class', () => {
    const rows = [
      took(1),
      took(1.1, { tier: 'B' }),
      took(9, { tier: 'C' }),
      took(9, { tier: 'none' }),
      took(9, { jobClass: null }),
      took(9, { covered: false, error: null }),
      took(3, { jobClass: 'Hopper in fp8' }),
    ];
    const { rows: count, classes } = bandsOf(rows);
    expect(count).toBe(3);
    expect(classes.map((band) => [band.class, band.rows])).toEqual([
      [CLASS, 2],
      ['Hopper in fp8', 1],
    ]);
    expect(classes[0]?.high).toBeCloseTo(1.1, 12);
  });
  it('of a job is that of its class, and none where no run was published', () => {
    const file = bandsOf([took(1.2)]);
    const job = { ...jobOf(gpt()), cluster: shippedCluster('dgx-a100-40g') };
    expect(bandFor(job, file)?.rows).toBe(1);
    expect(bandFor({ ...job, precision: 'bf16' }, file)?.rows).toBe(1);
    expect(bandFor({ ...job, precision: 'fp8-block' }, file)).toBeNull();
    expect(bandFor({ ...job, cluster: shippedCluster('dgx-h100') }, file)).toBeNull();
  });
});

describe('the class of a job', () => {
  const job = jobOf(gpt());
  it('is one of a whole grid: a generation, or the card itself, in each of four formats', () => {
    const classes = shippedClusterNames.flatMap((name) =>
      PRECISIONS.map((precision) => jobClassOf({ ...job, cluster: shippedCluster(name), precision })),
    );
    const [cards, formats] = [0, 1].map((half) => new Set(classes.map((name) => name.split(' in ')[half])));
    expect(formats).toEqual(new Set(['16 bits', 'fp32', 'fp4', 'fp8']));
    expect(new Set(classes).size).toBe((cards?.size ?? 0) * 4);
  });
  it('puts the cards of one generation together, and each on its right side', () => {
    const generations = {
      Volta: ['v100-sxm2', 'dgx2-v100'],
      Ampere: ['a100-pcie', 'a800-sxm', 'dgx-a100-40g', 'dgx-a100-80g'],
      Hopper: ['dgx-h100', 'h100-96g', 'h800-hcc', 'dgx-h200', 'h20', 'gh200'],
      Blackwell: ['dgx-b200', 'dgx-b300', 'gb200-nvl72', 'gb300-nvl72'],
      'MI300X 192GB': ['mi300x'],
      'TPU v4': ['tpu-v4'],
    };
    for (const [generation, names] of Object.entries(generations))
      for (const name of names)
        expect([name, jobClassOf({ ...job, cluster: shippedCluster(name), precision: 'mxfp8' })]).toEqual([
          name,
          `${generation} in fp8`,
        ]);
  });
});

describe('a graded row', () => {
  it('has a class where a whole step was timed: not for a layer, not for memory', () => {
    const classesOf = (measured: object): readonly (string | null)[] =>
      gradeAll([gpt({ measured })], predictor).rows.map(({ jobClass }) => jobClass);
    expect(classesOf({ iter_s: 1 })).toEqual(['plain in 16 bits']);
    expect(classesOf({ layer_total_ms: 1 })).toEqual([null]);
    expect(classesOf({ mem_gb: 40 })).toEqual([null]);
  });
});

describe('the shipped bands', () => {
  const file = new URL('../../scenarios/validation/bands.json', import.meta.url);
  it('are those of the shipped rows', () => {
    const answer = validate(shippedText, 'rows.jsonl', shippedCluster);
    if (answer.kind === 'complaints') throw new Error(JSON.stringify(answer.complaints));
    const bands = bandsOf(answer.rows);
    // UPDATE_BANDS=1 writes them anew; the commit says why the predictions or the rows have changed.
    if (process.env['UPDATE_BANDS'] === '1') writeFileSync(file, jsonText(bands));
    const shipped = bandsFileSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
    expect({ ...shipped, classes: shipped.classes.map((band) => [band.class, band.rows]) }).toEqual({
      ...bands,
      classes: bands.classes.map((band) => [band.class, band.rows]),
    });
    shipped.classes.forEach((band, index) => {
      for (const key of ['low', 'median', 'high', 'median_error'] as const)
        expect(Math.abs(band[key] - (bands.classes[index]?.[key] ?? NaN)), `${band.class} ${key}`).toBeLessThan(1e-9);
    });
  });
  it('are ordered, and hold a class each of what most people train on', () => {
    const { classes } = bandsFileSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
    for (const { low, median, high } of classes) {
      expect(low).toBeLessThanOrEqual(median);
      expect(median).toBeLessThanOrEqual(high);
    }
    const counts = new Map(classes.map((band) => [band.class, band.rows]));
    for (const name of ['Volta in 16 bits', 'Ampere in 16 bits', 'Blackwell in 16 bits', 'Blackwell in fp8'])
      expect([name, (counts.get(name) ?? 0) >= 10]).toEqual([name, true]);
    for (const name of ['Hopper in 16 bits with experts', 'Blackwell in 16 bits with experts'])
      expect([name, (counts.get(name) ?? 0) >= 10]).toEqual([name, true]);
    for (const name of ['Hopper in 16 bits', 'Hopper in fp8', 'Blackwell in fp8 with experts'])
      expect([name, (counts.get(name) ?? 0) >= 20]).toEqual([name, true]);
  });
});
