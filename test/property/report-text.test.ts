/** Laws of what is printed for people: columns add up, pages keep their width, nothing is left out in silence. */
import fc from 'fast-check';
import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import { figuresOf, countByOrigin } from '../../src/report/figures.ts';
import { unpainted } from '../../src/report/paint.ts';
import { infeasibleText, planText, simulationText } from '../../src/report/plan-text.ts';
import { classesOf, nameOf } from '../../src/report/stage-class.ts';
import { left, PAGE_WIDTH, right, table, wrap } from '../../src/report/table.ts';
import { timeTable } from '../../src/report/time-table.ts';
import { memoryTable } from '../../src/report/memory-table.ts';
import { validationText } from '../../src/report/validation-text.ts';
import { doctorText } from '../../src/report/doctor.ts';
import { TERMS } from '../../src/sim/evaluation.ts';
import { timeScaleFor, toGibibytes } from '../../src/units/format.ts';
import type { BandsFile } from '../../src/validate/bands.ts';
import { bandsFiles, candidates, infeasibles, plans } from './report-fixtures.ts';
import { findings, validations } from './report-outcomes.ts';

/** Whole plans are large: what they have in common shows in a few of them, and to shrink one takes an hour. */
const few = { numRuns: 40, endOnFailure: true };
const NO_BANDS: BandsFile = { schema: 'angel-sim.bands/1', rows: 0, classes: [] };
const options = { bands: NO_BANDS, paint: unpainted, top: 3, life: null, sources: true };
/** Lines of a terminal on a laptop. */
const SCREEN = 48;
const linesOf = (text: string): readonly string[] => text.split('\n');
const widest = (text: string): number => Math.max(...linesOf(text).map((line) => stringWidth(line)));
const numbersIn = (line: string, pattern: RegExp): readonly number[] =>
  [...line.matchAll(pattern)].map(([, digits]) => Number(digits));

describe('a page', () => {
  it('of a plan is no wider than 100 columns', () => {
    fc.assert(
      fc.property(plans, bandsFiles, (plan, bands) => {
        expect(widest(planText(plan, { ...options, bands }))).toBeLessThanOrEqual(PAGE_WIDTH);
      }),
      few,
    );
  });
  it('of a refusal is no wider than 100 columns', () => {
    fc.assert(
      fc.property(infeasibles, (none) => {
        expect(widest(infeasibleText(none, unpainted))).toBeLessThanOrEqual(PAGE_WIDTH);
      }),
    );
  });
  it('of a simulation, a validation or a doctor is no wider than 100 columns', () => {
    const simulation = {
      title: 'One layout',
      margin: 0.05,
      matching: 2,
      disturbed: null,
      bands: NO_BANDS,
      paint: unpainted,
      sources: true,
    };
    fc.assert(
      fc.property(candidates, validations, findings, (candidate, validation, found) => {
        expect(widest(simulationText(candidate, simulation))).toBeLessThanOrEqual(PAGE_WIDTH);
        expect(widest(validationText(validation, { worst: null, paint: unpainted }))).toBeLessThanOrEqual(PAGE_WIDTH);
        expect(widest(doctorText('1.0.0', found, unpainted))).toBeLessThanOrEqual(PAGE_WIDTH);
      }),
      few,
    );
  });
  it('of a plan fits two screens', () => {
    fc.assert(
      fc.property(plans, bandsFiles, (plan, bands) => {
        expect(linesOf(planText(plan, { ...options, bands, sources: false })).length).toBeLessThanOrEqual(2 * SCREEN);
      }),
      few,
    );
  });
  it('is the same whatever the emphasis, but for the emphasis', () => {
    const marked = (_emphasis: string, text: string): string => `\u001b[1m${text}\u001b[22m`;
    const unmarked = (text: string): string => text.replaceAll(/\u001b\[\d+m/gu, '');
    fc.assert(
      fc.property(plans, (plan) => {
        expect(unmarked(planText(plan, { ...options, paint: marked }))).toBe(planText(plan, options));
      }),
      few,
    );
  });
});

describe('the time table', () => {
  it('has columns whose printed terms add up to the printed step', () => {
    fc.assert(
      fc.property(candidates, ({ evaluation }) => {
        const [head = '', ...rows] = timeTable(evaluation, unpainted).filter((line) => !line.startsWith('  '));
        const times = rows.map((row) => numbersIn(row, /(\d+\.\d{3})(?!\d)/gu));
        const step = times.at(-1) ?? [];
        const printedStep = Number((evaluation.step / timeScaleFor(evaluation.step).size).toFixed(3));
        step.forEach((printed, column) => {
          const sum = times.slice(0, -1).reduce((total, row) => total + Math.round((row[column] ?? NaN) * 1e3), 0);
          expect(sum).toBe(Math.round(printed * 1e3));
          expect(Math.abs(printed - printedStep)).toBeLessThan(0.00101);
        });
        expect(numbersIn(head, /(share)/gu)).toHaveLength(step.length);
      }),
    );
  });
  it('has shares that add up to the whole step', () => {
    fc.assert(
      fc.property(candidates, ({ evaluation }) => {
        const [, ...rows] = timeTable(evaluation, unpainted).filter((line) => !line.startsWith('  '));
        const shares = rows.map((row) => numbersIn(row, /(\d+\.\d) %/gu));
        for (const column of (shares.at(-1) ?? []).keys()) {
          const sum = shares.slice(0, -1).reduce((total, row) => total + Math.round((row[column] ?? NaN) * 10), 0);
          expect(sum).toBe(1000);
        }
      }),
    );
  });
  it('puts every stage in exactly one class, and keeps to the tolerance it states', () => {
    fc.assert(
      fc.property(candidates, ({ evaluation: { stages, step } }) => {
        const { classes, tolerance } = classesOf(stages, step);
        expect(classes.flatMap((one) => one.stages).toSorted((a, b) => a - b)).toEqual(
          stages.map(({ stage }) => stage),
        );
        expect(classes.length).toBeLessThanOrEqual(4);
        for (const { stages: members, representative } of classes) {
          for (const member of members) {
            for (const term of TERMS) {
              const apart = Math.abs((stages[member]?.terms[term] ?? NaN) - representative.terms[term]);
              expect(apart).toBeLessThanOrEqual(tolerance * step * (1 + 1e-9));
            }
          }
        }
      }),
    );
  });
  it('names runs of stages by their ends', () => {
    const representative = fc.sample(candidates, 1)[0]?.evaluation.stages[0];
    if (representative === undefined) throw new Error('a candidate has a stage');
    expect(nameOf({ stages: [0], representative })).toBe('stage 0');
    expect(nameOf({ stages: [1, 2, 3, 4, 5, 6], representative })).toBe('stages 1-6');
    expect(nameOf({ stages: [1, 3, 4, 5], representative })).toBe('stages 1 3-5');
    expect(nameOf({ stages: [1, 2, 4, 6, 8, 9], representative })).toBe('1-2 +4');
    expect(nameOf({ stages: [10, 11, 14, 16], representative })).toBe('10-11 +2');
  });
});

describe('the memory table', () => {
  it('has rows that add up to the printed peak of the worst stage', () => {
    fc.assert(
      fc.property(candidates, (candidate) => {
        const rows = memoryTable(candidate, unpainted).slice(1);
        const sizes = rows.map((row) => Math.round((numbersIn(row, / (\d+\.\d{2}) /gu)[0] ?? NaN) * 100));
        const peak = sizes.at(-1) ?? NaN;
        expect(sizes.slice(0, -1).reduce((total, size) => total + size, 0)).toBe(peak);
        expect(Math.abs(peak - toGibibytes(candidate.outlook.memory.peak) * 100)).toBeLessThanOrEqual(0.5001);
      }),
    );
  });
});

describe('the report of a plan', () => {
  it('warns when the prediction is above the best published MFU, and only then', () => {
    fc.assert(
      fc.property(plans, (plan) => {
        const isAbove = plan.winner.outlook.utilisation.mfuFull > (plan.winner.job.cluster.bestMfu?.value ?? Infinity);
        expect(planText(plan, options).includes('be careful')).toBe(isAbove);
      }),
      few,
    );
  });
  it('says when it is only the best so far', () => {
    fc.assert(
      fc.property(plans, (plan) => {
        expect(planText(plan, options).includes('interrupted')).toBe(!plan.complete);
      }),
      few,
    );
  });
  it('says when a layout does not fit, and only then', () => {
    const simulation = {
      title: 'One layout',
      margin: 0.05,
      matching: 1,
      disturbed: null,
      bands: NO_BANDS,
      paint: unpainted,
      sources: false,
    };
    fc.assert(
      fc.property(candidates, (candidate) => {
        const isTooLarge = candidate.outlook.memory.headroom < 0;
        expect(simulationText(candidate, simulation).includes('does not fit')).toBe(isTooLarge);
      }),
    );
  });
  it('names every assumed figure it stands on, and with --sources every figure with its source', () => {
    fc.assert(
      fc.property(plans, (plan) => {
        const words = planText(plan, options).replaceAll(/\s+/gu, ' ');
        for (const { key, text, from, source } of figuresOf(plan.winner)) {
          expect(words).toContain(`${key} ${text} ${from} ${source}`);
          if (from === 'assumed') expect(words).toContain(`${key} ${text}`);
        }
      }),
      few,
    );
  });
  it('lists every fix of a refusal by what to write', () => {
    fc.assert(
      fc.property(infeasibles, (none) => {
        const text = infeasibleText(none, unpainted);
        none.fixes.forEach((_fix, index) => {
          expect(text).toContain(`  ${index + 1}. devices: 2048, recompute: full`);
        });
      }),
    );
  });
});

describe('the figures behind a prediction', () => {
  it('are each counted once, under one origin', () => {
    fc.assert(
      fc.property(candidates, (candidate) => {
        const figures = figuresOf(candidate);
        const counts = Object.values(countByOrigin(figures));
        expect(counts.reduce((total, count) => total + count, 0)).toBe(figures.length);
        expect(new Set(figures.map(({ key }) => key)).size).toBe(figures.length);
      }),
    );
  });
  it('hold no link that the job cannot use, and no price without a run', () => {
    fc.assert(
      fc.property(candidates, (candidate) => {
        const keys = figuresOf(candidate).map(({ key }) => key);
        expect(keys.includes('nic.bandwidth')).toBe(candidate.job.devices > candidate.job.cluster.scaleUpDomain);
        expect(keys.includes('scaleUp.bandwidth')).toBe(candidate.job.devices > 1);
        expect(keys.includes('price.low')).toBe(candidate.outlook.run !== null);
      }),
    );
  });
});

describe('a table', () => {
  it('keeps every word of its cells', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.lorem({ maxCount: 1 }), fc.lorem({ maxCount: 30 })), { minLength: 1 }),
        (rows) => {
          const words = table([right('name'), left('text')], rows)
            .join(' ')
            .split(/\s+/u)
            .filter(Boolean);
          expect(words.length).toBe(2 + rows.flat().flatMap((cell) => cell.split(/\s+/u).filter(Boolean)).length);
        },
      ),
    );
  });
  it('wraps into lines that hold the same words in their order', () => {
    fc.assert(
      fc.property(fc.lorem({ maxCount: 60 }), fc.integer({ min: 12, max: 100 }), (text, width) => {
        const lines = wrap(text, width);
        expect(lines.join(' ')).toBe(text);
        for (const line of lines.filter((each) => each.includes(' '))) expect(line.length).toBeLessThanOrEqual(width);
      }),
    );
  });
});
