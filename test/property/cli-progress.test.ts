/** Laws of the progress line: it says what is done, never more than there is, and fits its terminal. */
import fc from 'fast-check';
import { Subject } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { progressLine, showProgress } from '../../src/cli/progress-line.ts';
import type { Progress } from '../../src/plan/progress.ts';
import { seconds } from '../../src/units/quantity.ts';

const states: fc.Arbitrary<Progress> = fc
  .record({
    total: fc.nat(1_000_000),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
    best: fc.option(fc.constant({ step: seconds(12.3), layout: 'tp 8 pp 16' })),
  })
  .map(({ total, share, best }) => ({ done: Math.floor(total * share), total, best }));
const elapsed = fc.double({ min: 0, max: 1e4, noNaN: true });

describe('the progress line', () => {
  it('has a bar as long as the share that is done', () => {
    fc.assert(
      fc.property(states, elapsed, (state, time) => {
        const [, bar = '', percent = ''] = /^\[([# ]+)\] (\d+) %/u.exec(progressLine(state, time)) ?? [];
        expect(bar).toHaveLength(10);
        const share = state.total === 0 ? 0 : state.done / state.total;
        expect(Math.abs(bar.trimEnd().length / 10 - share)).toBeLessThanOrEqual(0.0501);
        expect(Number(percent)).toBeLessThanOrEqual(share * 100);
      }),
    );
  });
  it('names the best so far as soon as there is one', () => {
    fc.assert(
      fc.property(states, elapsed, (state, time) => {
        expect(progressLine(state, time).includes('best 12.30 s tp 8 pp 16')).toBe(state.best !== null);
      }),
    );
  });
  it('is never wider than its terminal, and leaves an empty line behind', () => {
    fc.assert(
      fc.property(fc.array(states, { minLength: 1 }), fc.integer({ min: 40, max: 120 }), (sequence, columns) => {
        const written: string[] = [];
        const sink = { write: (text: string) => void written.push(text), isTerminal: true, columns };
        const progress = new Subject<Progress>();
        const line = showProgress(progress, sink);
        for (const state of sequence) progress.next(state);
        line.unsubscribe();
        const erase = '\r\u001b[K';
        for (const text of written) expect(text.replace(erase, '').length).toBeLessThan(columns);
        expect(written.length).toBeGreaterThanOrEqual(2);
        expect(written.at(-1)).toBe(erase);
      }),
    );
  });
});
