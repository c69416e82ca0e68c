/** Laws of `--json`: what is printed obeys the schema that is shipped, and equal answers are equal bytes. */
import { readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { doctorJson, doctorSchema } from '../../src/report/doctor.ts';
import { jsonText } from '../../src/report/json.ts';
import { planJson, planSchema } from '../../src/report/plan-json.ts';
import { reportSchemas } from '../../src/report/schemas.ts';
import { simulateJson, simulateSchema } from '../../src/report/simulate-json.ts';
import { validationJson, validationSchema } from '../../src/report/validation-json.ts';
import type { BandsFile } from '../../src/validate/bands.ts';
import { jobClassOf } from '../../src/validate/job-class.ts';
import { bandsFiles, candidates, infeasibles, plans } from './report-fixtures.ts';
import { findings, validations } from './report-outcomes.ts';

const NO_BANDS: BandsFile = { schema: 'angel-sim.bands/1', rows: 0, classes: [] };
const returned = (value: object): unknown => JSON.parse(jsonText(value));

describe('the JSON of every command', () => {
  it('obeys its schema after a trip through text', () => {
    fc.assert(
      fc.property(plans, infeasibles, candidates, bandsFiles, (plan, none, candidate, bands) => {
        planSchema.parse(returned(planJson(plan, bands)));
        planSchema.parse(returned(planJson(none, bands)));
        planSchema.parse(returned(planJson({ ...none, kind: 'unfinished' }, bands)));
        simulateSchema.parse(
          returned(simulateJson(candidate, { title: 'One layout', matching: 1, disturbed: null, bands })),
        );
      }),
      { numRuns: 40 },
    );
    fc.assert(
      fc.property(validations, findings, (validation, found) => {
        validationSchema.parse(returned(validationJson(validation)));
        doctorSchema.parse(returned(doctorJson('1.0.0', found)));
      }),
    );
  });
  it('is the same text whatever the order in which its producers wrote their keys', () => {
    const reversed = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(reversed);
      if (typeof value !== 'object' || value === null) return value;
      return Object.fromEntries(
        Object.entries(value)
          .toReversed()
          .map(([key, inner]) => [key, reversed(inner)]),
      );
    };
    fc.assert(
      fc.property(plans, (plan) => {
        // Only the order of the keys differs: the type is the same.
        expect(jsonText(planJson(reversed(plan) as typeof plan, NO_BANDS))).toBe(jsonText(planJson(plan, NO_BANDS)));
      }),
      { numRuns: 40 },
    );
  });
  it('carries the numbers of the winner unrounded', () => {
    fc.assert(
      fc.property(plans, (plan) => {
        const json = planJson(plan, NO_BANDS);
        if (json.outcome !== 'plan') throw new Error('a plan was given');
        const { evaluation, outlook } = plan.winner;
        expect(json.winner.step_s).toBe(evaluation.step);
        expect(json.winner.memory.headroom_bytes).toBe(outlook.memory.headroom);
        expect(json.winner.utilisation.hfu).toBe(outlook.utilisation.hfu);
        expect(json.winner.run?.dollars_high).toBe(outlook.run?.dollars?.high);
        expect(json.winner.stages.map((stage) => stage.terms_s)).toEqual(evaluation.stages.map((stage) => stage.terms));
        expect(json.front.map((one) => one.layout.tp)).toEqual(plan.front.map(({ job }) => job.layout.tp));
      }),
      { numRuns: 40 },
    );
  });
  it('carries the band of the class of its winner, and null where there is none', () => {
    fc.assert(
      fc.property(candidates, bandsFiles, (candidate, bands) => {
        const { band } = simulateJson(candidate, { title: 'One layout', matching: 1, disturbed: null, bands });
        const own = bands.classes.find((one) => one.class === jobClassOf(candidate.job));
        if (own === undefined) expect(band).toBeNull();
        else {
          const { class: name, rows, low, median, high } = own;
          expect(band).toEqual({ class: name, rows, low, median, high });
        }
      }),
    );
  });
  it('gives a reason to exactly the rows that are not covered', () => {
    fc.assert(
      fc.property(validations, (validation) => {
        for (const row of validationJson(validation).rows) expect('reason' in row).toBe(!row.covered);
      }),
    );
  });
});

describe('a shipped JSON Schema', () => {
  it.each(Object.entries(reportSchemas()))('of %s is what the code obeys', (name, schema) => {
    const file = new URL(`../../schemas/${name}`, import.meta.url);
    const text = jsonText(schema);
    // UPDATE_SCHEMAS=1 writes them anew; the commit says why the shape of an output has changed.
    if (process.env['UPDATE_SCHEMAS'] === '1') writeFileSync(file, text);
    expect(readFileSync(file, 'utf8')).toBe(text);
  });
  it('refuses a field that the code does not write', () => {
    const [candidate] = fc.sample(candidates, 1);
    if (candidate === undefined) throw new Error('one candidate was asked for');
    const json = simulateJson(candidate, { title: 'One layout', matching: 1, disturbed: null, bands: NO_BANDS });
    expect(simulateSchema.safeParse({ ...json, elapsed_s: 1 }).success).toBe(false);
  });
});
