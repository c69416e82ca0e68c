/** Laws of what `validate` prints: nothing left out in silence, and the summary where it is looked for. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { unpainted } from '../../src/report/paint.ts';
import { validationText } from '../../src/report/validation-text.ts';
import { formatChange } from '../../src/units/format.ts';
import { bandsOf } from '../../src/validate/bands.ts';
import { METRICS } from '../../src/validate/validation.ts';
import { validations } from './report-outcomes.ts';

const pageOf = (validation: Parameters<typeof validationText>[0], worst: number | null = null): string =>
  validationText(validation, { worst, paint: unpainted });
const paragraphs = (page: string): readonly string[] => page.trimEnd().split('\n\n');

describe('the page of a validation', () => {
  it('shows every covered row with its error, or the worst alone, the largest first', () => {
    fc.assert(
      fc.property(validations, fc.nat(25), (validation, worst) => {
        const covered = validation.rows.filter((row) => row.covered);
        const all = pageOf(validation).split('\n');
        for (const { id, metric, error } of covered) {
          const shown = all.filter((line) => line.startsWith(`${id} `));
          expect(shown.length).toBeGreaterThan(0);
          if (metric !== 'oom') expect(shown.some((line) => line.endsWith(formatChange(error ?? NaN)))).toBe(true);
        }
        const [first = ''] = paragraphs(pageOf(validation, worst));
        const count = Math.min(worst, covered.length);
        if (count === 0) expect(first).not.toContain('predicted  measured');
        else expect(first.split('\n')).toHaveLength(1 + count);
        const largest = Math.max(...covered.map(({ error }) => Math.abs(error ?? 0)));
        const leader = covered.find(({ error }) => Math.abs(error ?? 0) === largest);
        if (count > 0) expect(first.split('\n')[1]?.startsWith(`${leader?.id} `)).toBe(true);
      }),
    );
  });
  it('counts every row that is not covered under its reason, and no row twice', () => {
    fc.assert(
      fc.property(validations, fc.constantFrom('a', 'b'), (validation, half) => {
        // Few reasons, so that rows share them.
        const rows = validation.rows.map((row, index) =>
          row.covered ? row : { ...row, reason: index % 2 === 0 ? 'context parallelism' : `reason ${half}` },
        );
        const open = rows.filter((row) => !row.covered);
        const table = paragraphs(pageOf({ ...validation, rows })).find((text) => text.startsWith('not covered'));
        if (open.length === 0) expect(table).toBeUndefined();
        else {
          const counts = new Map<string, number>();
          for (const { reason } of open) counts.set(reason ?? '', (counts.get(reason ?? '') ?? 0) + 1);
          const printed = [...(table ?? '').matchAll(/^ +(\d+) +([^:]+): /gmu)].map(
            ([, count, reason]) => [reason ?? '', Number(count)] as const,
          );
          expect(new Map(printed)).toEqual(counts);
          expect(printed).toHaveLength(counts.size);
          const sizes = printed.map(([, count]) => count);
          expect(sizes.every((size, index) => size <= (sizes[index - 1] ?? Infinity))).toBe(true);
        }
      }),
    );
  });
  it('ends with the figures over all rows', () => {
    fc.assert(
      fc.property(validations, (validation) => {
        const summary = METRICS.map((metric) => ({
          by: 'all' as const,
          name: 'all',
          metric,
          count: 987,
          covered: 654,
          mape: 0.1234,
          median: 0.1,
          bias: -0.05,
          p90: 0.3,
        }));
        const last = paragraphs(pageOf({ ...validation, summary })).at(-1) ?? '';
        expect(last.split('\n').map((line) => line.split(/ {2,}/u)[0])).toEqual([
          'in all',
          'step',
          'memory',
          'out of memory',
        ]);
        expect(last).toMatch(/^step +654 of 987 +12\.3 %/mu);
        const verdicts = validation.rows.filter(({ metric, error }) => metric === 'oom' && error !== null);
        const [right, alarms, missed] = [0, 1, -1].map((kind) => verdicts.filter(({ error }) => error === kind).length);
        expect(last).toContain(`${right} right, ${alarms} false alarms, ${missed} missed`);
      }),
    );
  });
  it('has the band of every class that its rows make', () => {
    fc.assert(
      fc.property(validations, (validation) => {
        const { classes } = bandsOf(validation.rows);
        const table = paragraphs(pageOf(validation)).find((text) => text.startsWith('band of')) ?? '';
        for (const band of classes)
          expect(table).toMatch(
            new RegExp(`^${band.class} +${band.rows} +${band.low.toFixed(2)} to ${band.high.toFixed(2)} `, 'mu'),
          );
        expect(table === '').toBe(classes.length === 0);
      }),
    );
  });
});
