/** Laws of the error band in reports: it stands beside every prediction of a validated class, and corrects none. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bandText } from '../../src/report/band.ts';
import { unpainted } from '../../src/report/paint.ts';
import { simulateJson } from '../../src/report/simulate-json.ts';
import { verdictStrip } from '../../src/report/verdict-strip.ts';
import { formatDollars, formatDuration, formatSeconds } from '../../src/units/format.ts';
import { times } from '../../src/units/quantity.ts';
import type { BandsFile } from '../../src/validate/bands.ts';
import { bandFor } from '../../src/validate/bands.ts';
import { bandsFiles, candidates } from './report-fixtures.ts';

const NONE: BandsFile = { schema: 'angel-sim.bands/1', rows: 0, classes: [] };
const strip = (candidate: Parameters<typeof verdictStrip>[0], bands: BandsFile): string =>
  verdictStrip(candidate, { margin: 0.05, bands, paint: unpainted }).join(' ').replaceAll(/\s+/gu, ' ');

describe('a prediction', () => {
  it('says its band, and what that makes of the step, the days and the dollars', () => {
    fc.assert(
      fc.property(candidates, bandsFiles, (candidate, bands) => {
        const band = bandFor(candidate.job, bands);
        if (band === null) return;
        const text = strip(candidate, bands);
        const { run } = candidate.outlook;
        const { step } = candidate.evaluation;
        expect(text).toContain(`took ${band.low.toFixed(2)} to ${band.high.toFixed(2)} times the predicted step`);
        expect(text).toContain(
          `${formatSeconds(step)} means ${formatSeconds(times(step, band.low))} to ${formatSeconds(times(step, band.high))}`,
        );
        if (run === null || run.dollars === null) return;
        expect(text).toContain(
          `${formatDuration(run.time)} (${formatDuration(times(run.time, band.low))} to ${formatDuration(times(run.time, band.high))} in the band)`,
        );
        expect(text).toContain(
          `${formatDollars(run.dollars.high)} (${formatDollars(times(run.dollars.low, band.low))} to ${formatDollars(times(run.dollars.high, band.high))} in the band)`,
        );
      }),
    );
  });
  it('of a class without published runs says that it is not validated, and only such a one', () => {
    fc.assert(
      fc.property(candidates, bandsFiles, (candidate, bands) => {
        const text = strip(candidate, bands);
        expect(text.includes('unvalidated')).toBe(bandFor(candidate.job, bands) === null);
        expect(text.includes('in the band')).toBe(
          bandFor(candidate.job, bands) !== null && candidate.outlook.run !== null,
        );
      }),
    );
  });
  it('speaks of nine in ten runs where the band leaves out its tails, and of all below 20 rows', () => {
    fc.assert(
      fc.property(candidates, bandsFiles, (candidate, bands) => {
        const band = bandFor(candidate.job, bands);
        if (band === null) return;
        const text = bandText(candidate, bands);
        expect(text.startsWith('nine in ten published runs')).toBe(band.rows >= 20);
        expect(text).toContain(band.rows === 1 ? '1 row)' : `${band.rows} rows)`);
      }),
    );
  });
  it('is not corrected by its band: every other figure is the same with and without', () => {
    fc.assert(
      fc.property(candidates, bandsFiles, (candidate, bands) => {
        const [with_, without] = [bands, NONE].map((file) =>
          simulateJson(candidate, { title: 'One layout', matching: 1, disturbed: null, bands: file }),
        );
        expect({ ...with_, band: null }).toEqual(without);
      }),
    );
  });
});
