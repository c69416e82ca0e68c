/** Laws of `plan diff`: what is printed adds up, and a text that is no answer is refused. */
import fc from 'fast-check';
import type { Arbitrary } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PURPOSES } from '../../src/memory/purpose.ts';
import type { Side } from '../../src/plan/difference.ts';
import { differenceOf } from '../../src/plan/difference.ts';
import type { Candidate } from '../../src/plan/plan.ts';
import { differenceJson, differenceSchema, differenceText } from '../../src/report/difference.ts';
import { jsonText } from '../../src/report/json.ts';
import { unpainted } from '../../src/report/paint.ts';
import { planJson } from '../../src/report/plan-json.ts';
import { readAnswer } from '../../src/report/saved-answer.ts';
import { simulateJson } from '../../src/report/simulate-json.ts';
import { TERMS } from '../../src/sim/evaluation.ts';
import type { BandsFile } from '../../src/validate/bands.ts';
import { candidates, infeasibles, plans } from './report-fixtures.ts';

const NO_BANDS: BandsFile = { schema: 'angel-sim.bands/1', rows: 0, classes: [] };
const NAMES = { before: 'a.json', after: 'b.json' };
const few = { numRuns: 40 };

const textOf = (candidate: Candidate): string =>
  jsonText(simulateJson(candidate, { title: 'One layout', matching: 1, disturbed: null, bands: NO_BANDS }));
const read = (text: string): Side => {
  const reading = readAnswer(text);
  if (reading.kind === 'refusal') throw new Error(reading.reason);
  return reading.side;
};
const sides: Arbitrary<Side> = candidates.map((candidate) => read(textOf(candidate)));
const add = (values: readonly (number | null)[]): number => values.reduce<number>((sum, value) => sum + value!, 0);

describe('the difference of two answers', () => {
  it('of the steps is the sum of the differences of the terms, to the nanosecond', () => {
    fc.assert(
      fc.property(sides, sides, (a, b) => {
        const { step, terms } = differenceOf(a, b);
        expect(add(TERMS.map((term) => terms[term].difference))).toBe(step.difference);
        expect(add(TERMS.map((term) => terms[term].before))).toBe(step.before);
        expect(add(TERMS.map((term) => terms[term].after))).toBe(step.after);
        expect(step.difference).toBe(b.step - a.step);
      }),
      few,
    );
  });
  it('moves no term by more than the rounding of all of them', () => {
    fc.assert(
      fc.property(sides, (side) => {
        const { terms } = differenceOf(side, side);
        for (const term of TERMS) expect(Math.abs(terms[term].before! - side.terms[term])).toBeLessThan(TERMS.length);
      }),
      few,
    );
  });
  it("of the peaks is the sum of the differences by purpose, and the peak is the worst stage's", () => {
    fc.assert(
      fc.property(candidates, candidates, (a, b) => {
        const { peak, memory } = differenceOf(read(textOf(a)), read(textOf(b)));
        expect(add(PURPOSES.map((purpose) => memory[purpose].difference))).toBe(peak.difference);
        expect(peak.before).toBe(a.outlook.memory.peak);
        expect(peak.after).toBe(b.outlook.memory.peak);
      }),
      few,
    );
  });
  it('of an answer and itself is nothing', () => {
    fc.assert(
      fc.property(plans, (plan) => {
        const side = read(jsonText(planJson(plan, NO_BANDS)));
        const { changes, step, peak, days } = differenceOf(side, side);
        expect({ changes, step: step.difference, peak: peak.difference }).toEqual({ changes: [], step: 0, peak: 0 });
        expect(days.difference ?? 0).toBe(0);
      }),
      few,
    );
  });
  it('turned round has the opposite sign everywhere', () => {
    fc.assert(
      fc.property(sides, sides, (a, b) => {
        const [there, back] = [differenceOf(a, b), differenceOf(b, a)];
        for (const term of TERMS) expect(there.terms[term].difference! + back.terms[term].difference!).toBe(0);
        expect(there.changes.map(({ key }) => key).toSorted()).toEqual(back.changes.map(({ key }) => key).toSorted());
      }),
      few,
    );
  });
  it('names every axis of the layout that differs, and no other', () => {
    fc.assert(
      fc.property(candidates, candidates, (a, b) => {
        const keys = differenceOf(read(textOf(a)), read(textOf(b))).changes.map(({ key }) => key);
        for (const axis of ['tp', 'pp', 'dp', 'microbatch', 'zero', 'schedule'] as const)
          expect(keys.includes(`layout.${axis}`)).toBe(a.job.layout[axis] !== b.job.layout[axis]);
        expect(keys.includes('precision')).toBe(a.job.precision !== b.job.precision);
      }),
      few,
    );
  });
  it('obeys its schema, and its printed columns add up', () => {
    fc.assert(
      fc.property(sides, sides, (a, b) => {
        const difference = differenceOf(a, b);
        differenceSchema.parse(JSON.parse(jsonText(differenceJson(difference, NAMES))));
        const lines = differenceText(difference, NAMES, unpainted).split('\n');
        const start = lines.findIndex((line) => line.startsWith('time ('));
        const end = lines.findIndex((line, index) => index > start && line.startsWith('step'));
        const cells = lines.slice(start + 1, end + 1).map((line) =>
          line
            .split(/\s{2,}/u)
            .slice(-3)
            .map(Number),
        );
        const total = cells.pop()!;
        for (const column of [0, 1, 2])
          expect(add(cells.map((row) => Math.round(row[column]! * 1e3)))).toBe(Math.round(total[column]! * 1e3));
      }),
      few,
    );
  });
});

describe('a text that is no answer', () => {
  it.each(['', '{', '[]', '{}', 'null', '{"schema":"angel-sim.plan/2"}', '{"schema":"angel-sim.plan/1"}'])(
    '%j is refused with a reason',
    (text) => {
      const reading = readAnswer(text);
      expect(reading.kind).toBe('refusal');
      expect(reading.kind === 'refusal' ? reading.reason : '').not.toBe('');
    },
  );
  it('is that of a question without a plan', () => {
    fc.assert(
      fc.property(infeasibles, (none) => {
        const reading = readAnswer(jsonText(planJson(none, NO_BANDS)));
        expect(reading).toMatchObject({ kind: 'refusal' });
      }),
      few,
    );
  });
});
