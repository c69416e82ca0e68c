/** Laws of quantities as they are written: every unit means one thing, and nothing else is accepted. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  formatBandwidth,
  formatBytes,
  formatCount,
  formatFlopsPerSecond,
  formatSeconds,
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
import { bytes, bytesPerSecond, flopsPerSecond, seconds } from '../../src/units/quantity.ts';

type Parse = (text: string | number) => Reading<number>;

/** Unit by unit, how many of the house's own unit it is, as a numerator and a denominator. */
const UNITS: readonly (readonly [Parse, Readonly<Record<string, readonly [number, number]>>])[] = [
  [
    parseBytes,
    {
      B: [1, 1],
      KB: [1000, 1],
      MB: [1e6, 1],
      GB: [1e9, 1],
      TB: [1e12, 1],
      PB: [1e15, 1],
      KiB: [1024, 1],
      MiB: [1048576, 1],
      GiB: [1073741824, 1],
      TiB: [1099511627776, 1],
    },
  ],
  [
    parseBandwidth,
    {
      'B/s': [1, 1],
      'MB/s': [1e6, 1],
      'GB/s': [1e9, 1],
      'TB/s': [1e12, 1],
      'GiB/s': [1073741824, 1],
      bps: [1, 8],
      Mbps: [1e6, 8],
      Gbps: [1e9, 8],
      Tbps: [1e12, 8],
    },
  ],
  [parseFlopsPerSecond, { FLOPS: [1, 1], GFLOPS: [1e9, 1], TFLOPS: [1e12, 1], PFLOPS: [1e15, 1], EFLOPS: [1e18, 1] }],
  [parseSeconds, { s: [1, 1], ms: [1, 1e3], us: [1, 1e6], ns: [1, 1e9] }],
  [parseWatts, { W: [1, 1], kW: [1e3, 1], MW: [1e6, 1] }],
  [parseRatio, { '': [1, 1], '%': [1, 100] }],
];

const valueOf = (reading: Reading<number>): number => {
  if (reading.kind === 'misspelt') throw new Error(`${reading.message}, did you mean ${reading.suggestion}?`);
  return reading.value;
};
const suggestionOf = (reading: Reading<number>): string | null =>
  reading.kind === 'misspelt' ? reading.suggestion : null;

const digits = fc
  .tuple(fc.nat(99_999), fc.nat(999))
  .map(([whole, part]) => (part === 0 ? `${whole}` : `${whole}.${part}`));

test('a number with a unit is that many of the unit, with a space between them or without', () => {
  for (const [parse, units] of UNITS) {
    for (const [unit, [times, over]] of Object.entries(units)) {
      fc.assert(
        fc.property(digits, fc.constantFrom('', ' '), (number, space) => {
          const expected = (Number(number) * times) / over;
          expect(Math.abs(valueOf(parse(number + space + unit)) - expected)).toBeLessThanOrEqual(expected * 1e-15);
        }),
        { numRuns: 50 },
      );
    }
  }
});

test('a decimal number of units is the nearest number there is, not a product of two roundings', () => {
  expect(valueOf(parseCount('1.1T'))).toBe(1.1e12);
  expect(valueOf(parseSeconds('4.5us'))).toBe(4.5e-6);
  expect(valueOf(parseFlopsPerSecond('989.4TFLOPS'))).toBe(989.4e12);
  expect(valueOf(parseRatio('5%'))).toBe(0.05);
  expect(valueOf(parseDollarsPerHour('$2.50/h'))).toBe(2.5);
});

test('GiB is not GB and Gbps is not GB/s', () => {
  expect(valueOf(parseBytes('80GiB'))).toBe(85_899_345_920);
  expect(valueOf(parseBytes('80GB'))).toBe(80_000_000_000);
  expect(valueOf(parseBandwidth('400Gbps'))).toBe(50e9);
  expect(valueOf(parseBandwidth('400GB/s'))).toBe(400e9);
});

test('what is printed reads back as what it was, to the digits that were printed', () => {
  const within = (share: number) => (parsed: number, original: number) =>
    expect(Math.abs(parsed - original)).toBeLessThanOrEqual(share * original);
  fc.assert(
    fc.property(fc.double({ min: 1, max: 5e14, noNaN: true }), (value) => {
      within(5e-3)(valueOf(parseBytes(formatBytes(bytes(value)))), value);
      within(5e-3)(valueOf(parseFlopsPerSecond(formatFlopsPerSecond(flopsPerSecond(value * 1e9)))), value * 1e9);
      within(5e-3)(valueOf(parseBandwidth(formatBandwidth(bytesPerSecond(value)))), value);
      within(5e-3)(valueOf(parseSeconds(formatSeconds(seconds(value / 1e9)))), value / 1e9);
      const count = Math.round(value);
      within(5e-3)(valueOf(parseCount(formatCount(count))), count);
    }),
  );
});

test('a unit in the wrong case, of another kind or left out is refused with the nearest right spelling', () => {
  const wrong: readonly (readonly [Parse, string | number, string])[] = [
    [parseBytes, '80 gib', '80GiB'],
    [parseBytes, '80gb', '80GB'],
    [parseBytes, '80Gib', '80GiB'],
    [parseBytes, 80, '80GiB'],
    [parseBandwidth, '400gbps', '400Gbps'],
    [parseBandwidth, '450GB', '450GB/s'],
    [parseBandwidth, '450GBps', '450GB/s'],
    [parseBandwidth, '400Gb/s', '400Gbps'],
    [parseFlopsPerSecond, '989TFLOP/s', '989TFLOPS'],
    [parseFlopsPerSecond, '989 tflops', '989TFLOPS'],
    [parseSeconds, '2µs', '2us'],
    [parseSeconds, '2usec', '2us'],
    [parseDollarsPerHour, '$2', '$2/h'],
    [parseDollarsPerHour, '2/h', '$2/h'],
    [parseWatts, '700w', '700W'],
    [parseCount, '15t', '15T'],
    [parseCount, '300G', '300B'],
    [parseCount, '1.5', '2'],
    [parseRatio, '80pct', '80%'],
  ];
  for (const [parse, text, suggestion] of wrong) expect([text, suggestionOf(parse(text))]).toEqual([text, suggestion]);
});

test('a count is whole, whatever it is written in', () => {
  expect(valueOf(parseCount('0.5K'))).toBe(500);
  expect(valueOf(parseCount(1000))).toBe(1000);
  expect(parseCount('0.0005K').kind).toBe('misspelt');
  expect(parseCount('99999999T').kind).toBe('misspelt');
});

test('nothing throws, and every suggestion is itself accepted', () => {
  const parsers: readonly Parse[] = [...UNITS.map(([parse]) => parse), parseCount, parseDollarsPerHour];
  const text = fc.oneof(
    fc.string(),
    fc.double(),
    fc.tuple(fc.float({ min: 0 }), fc.string()).map(([number, unit]) => `${number}${unit}`),
    fc.constantFrom('', '-5GiB', '1e999', '9'.repeat(400), '$', '%', 'NaN', 'toString', '5constructor', '5__proto__'),
  );
  fc.assert(
    fc.property(fc.constantFrom(...parsers), text, (parse, written) => {
      const reading = parse(written);
      if (reading.kind === 'misspelt') expect(parse(reading.suggestion).kind).toBe('value');
      else expect(reading.value).toBeGreaterThanOrEqual(0);
    }),
    { numRuns: 2000 },
  );
});
