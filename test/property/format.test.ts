/** Laws of printed numbers: nothing is lost but the digits that are not shown, and what is added by eye adds up. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatBandwidth,
  formatBytes,
  formatChange,
  formatCount,
  formatDollars,
  formatDollarsPerHour,
  formatDuration,
  formatEnergy,
  formatFlopsPerSecond,
  formatInteger,
  formatPercent,
  formatSeconds,
  formatWatts,
  roundToSum,
  timeScaleFor,
} from '../../src/units/format.ts';
import type { Reading } from '../../src/units/parse.ts';
import {
  parseBandwidth,
  parseBytes,
  parseCount,
  parseDollarsPerHour,
  parseFlopsPerSecond,
  parseRatio,
  parseSeconds,
  parseWatts,
} from '../../src/units/parse.ts';
import type { Joules } from '../../src/units/quantity.ts';
import {
  bytes,
  bytesPerSecond,
  dollars,
  dollarsPerHour,
  flopsPerSecond,
  seconds,
  watts,
} from '../../src/units/quantity.ts';

const read = <Value>(reading: Reading<Value>): Value => {
  if (reading.kind === 'misspelt') throw new Error(reading.message);
  return reading.value;
};
const between = (min: number, max: number): fc.Arbitrary<number> => fc.double({ min, max, noNaN: true });

/** What was printed and read again is off by no more than half of the last digit shown. */
const returns = (value: number, back: number, digits: number): void => {
  expect(Math.abs(back - value)).toBeLessThanOrEqual((value * 0.5000001) / 10 ** (digits - 1));
};

describe('a printed quantity, parsed again, is the same to its printed digits', () => {
  it('for bytes', () => {
    fc.assert(fc.property(between(1, 1e18), (value) => returns(value, read(parseBytes(formatBytes(bytes(value)))), 3)));
  });
  it('for seconds', () => {
    fc.assert(
      fc.property(between(1e-8, 1e7), (value) => returns(value, read(parseSeconds(formatSeconds(seconds(value)))), 4)),
    );
  });
  it('for bandwidths', () => {
    fc.assert(
      fc.property(between(1, 1e15), (value) =>
        returns(value, read(parseBandwidth(formatBandwidth(bytesPerSecond(value)))), 3),
      ),
    );
  });
  it('for speeds', () => {
    fc.assert(
      fc.property(between(1e9, 1e18), (value) =>
        returns(value, read(parseFlopsPerSecond(formatFlopsPerSecond(flopsPerSecond(value)))), 3),
      ),
    );
  });
  it('for counts', () => {
    fc.assert(
      fc.property(fc.integer({ min: 100, max: 1e15 }), (value) =>
        returns(value, read(parseCount(formatCount(value))), 3),
      ),
    );
  });
  it('for prices, powers and shares', () => {
    fc.assert(
      fc.property(between(0, 1000), (value) => {
        expect(read(parseDollarsPerHour(formatDollarsPerHour(dollarsPerHour(value))))).toBeCloseTo(value, 1);
        expect(read(parseWatts(formatWatts(watts(value))))).toBe(Math.round(value));
        expect(Math.abs(read(parseRatio(formatPercent(value))) - value)).toBeLessThanOrEqual(0.000501);
      }),
    );
  });
});

describe('rounding to a sum', () => {
  it('makes the printed parts add up to the printed whole, and moves no part by a digit', () => {
    fc.assert(
      fc.property(
        fc.array(between(0, 1e4), { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 0, max: 3 }),
        (parts, digits) => {
          const unit = 10 ** -digits;
          const rounded = roundToSum(parts, digits);
          const whole = parts.reduce((total, part) => total + part, 0);
          const printed = rounded.reduce((total, part) => total + part, 0);
          expect(Math.round(printed / unit)).toBe(Math.round(whole / unit));
          rounded.forEach((part, index) => expect(Math.abs(part - (parts[index] ?? 0))).toBeLessThan(unit * 1.0001));
        },
      ),
    );
  });
});

describe('the unit of a quantity', () => {
  it.each([
    [formatBytes(bytes(80 * 2 ** 30)), '80.0 GiB'],
    [formatBytes(bytes(1018 * 2 ** 30)), '1018 GiB'],
    [formatBytes(bytes(1023.96 * 2 ** 30)), '1.00 TiB'],
    [formatBytes(bytes(0)), '0 B'],
    [formatBytes(bytes(1023.99 * 2 ** 40)), '1024 TiB'],
    [formatSeconds(seconds(0.9999)), '999.9 ms'],
    [formatSeconds(seconds(0.99999)), '1.000 s'],
    [formatDuration(seconds(86_400 * 13.62)), '13.6 days'],
    [formatDuration(seconds(5_400)), '1.50 h'],
    [formatEnergy(7.2e9 as Joules), '2.00 MWh'],
    [formatCount(405e9), '405B'],
    [formatCount(15e12), '15.0T'],
    [formatDollars(dollars(12.5)), '$12.50'],
    [formatDollars(dollars(1_240_000)), '$1.24M'],
    [formatInteger(16_384), '16,384'],
    [formatInteger(999), '999'],
    [formatPercent(0.5634), '56.3 %'],
    [formatChange(0.012), '+1.2 %'],
    [formatChange(-0.012), '-1.2 %'],
    [formatChange(-0.0001), '+0.0 %'],
  ])('is such that a reader sees %s', (printed, wanted) => expect(printed).toBe(wanted));

  it('is the largest of which the rounded value is at least one', () => {
    fc.assert(
      fc.property(between(1e-8, 1e6), (value) => {
        const { size } = timeScaleFor(seconds(value));
        expect(Number((value / size).toPrecision(4))).toBeGreaterThanOrEqual(1);
        if (size < 1) expect(Number((value / size).toPrecision(4))).toBeLessThan(1000);
      }),
    );
  });
});
