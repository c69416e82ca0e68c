/** Quantities as people read them. Every printed number has a fixed number of digits, so that equal inputs print equal text. */
import type {
  Bytes,
  BytesPerSecond,
  Dollars,
  DollarsPerHour,
  DollarsPerJoule,
  FlopsPerSecond,
  Joules,
  Seconds,
  Watts,
} from './quantity.ts';

interface Scale {
  readonly unit: string;
  readonly size: number;
}

const BYTES: readonly Scale[] = [
  { unit: 'TiB', size: 2 ** 40 },
  { unit: 'GiB', size: 2 ** 30 },
  { unit: 'MiB', size: 2 ** 20 },
  { unit: 'KiB', size: 2 ** 10 },
  { unit: 'B', size: 1 },
];
const SECONDS: readonly Scale[] = [
  { unit: 's', size: 1 },
  { unit: 'ms', size: 1e-3 },
  { unit: 'us', size: 1e-6 },
  { unit: 'ns', size: 1e-9 },
];
const DURATIONS: readonly Scale[] = [
  { unit: 'days', size: 86_400 },
  { unit: 'h', size: 3_600 },
  { unit: 'min', size: 60 },
  ...SECONDS,
];
const RATES: readonly Scale[] = [
  { unit: 'TB/s', size: 1e12 },
  { unit: 'GB/s', size: 1e9 },
  { unit: 'MB/s', size: 1e6 },
  { unit: 'B/s', size: 1 },
];
const FLOPS: readonly Scale[] = [
  { unit: 'PFLOPS', size: 1e15 },
  { unit: 'TFLOPS', size: 1e12 },
  { unit: 'GFLOPS', size: 1e9 },
];
const ENERGIES: readonly Scale[] = [
  { unit: 'GWh', size: 3.6e12 },
  { unit: 'MWh', size: 3.6e9 },
  { unit: 'kWh', size: 3.6e6 },
];
const COUNTS: readonly Scale[] = [
  { unit: 'T', size: 1e12 },
  { unit: 'B', size: 1e9 },
  { unit: 'M', size: 1e6 },
  { unit: 'K', size: 1e3 },
  { unit: '', size: 1 },
];

export const formatBytes = (value: Bytes): string => scaled(value, BYTES, 3);
export const formatSeconds = (value: Seconds): string => scaled(value, SECONDS, 4);
/** For waiting times: `13.6 days`. */
export const formatDuration = (value: Seconds): string => scaled(value, DURATIONS, 3);
export const formatBandwidth = (value: BytesPerSecond): string => scaled(value, RATES, 3);
export const formatFlopsPerSecond = (value: FlopsPerSecond): string => scaled(value, FLOPS, 3);
export const formatEnergy = (value: Joules): string => scaled(value, ENERGIES, 3);
export const formatWatts = (value: Watts): string => `${Math.round(value)} W`;
/** Tokens and parameters: `405B`, `15.0T`. */
export const formatCount = (value: number): string => scaled(value, COUNTS, 3).replaceAll(' ', '');
/** A share: `56.3 %`. */
export const formatPercent = (value: number): string => `${(value * 100).toFixed(1)} %`;
/** A change, always signed: `+1.2 %`. */
export const formatChange = (value: number): string =>
  (Math.round(value * 1e3) < 0 ? '-' : '+') + formatPercent(Math.abs(value));
/** Cards, ranks, sequences: `16,384`. */
export const formatInteger = (value: number): string => grouped(Math.round(value).toString());
/** `$1.24M`, `$840K`; under a thousand dollars to the cent. */
export const formatDollars = (value: Dollars): string =>
  value < 1_000 ? `$${value.toFixed(2)}` : `$${formatCount(value)}`;
export const formatDollarsPerHour = (value: DollarsPerHour): string => `$${value.toFixed(2)}/h`;
export const formatDollarsPerJoule = (value: DollarsPerJoule): string => `$${(value * 3.6e6).toFixed(3)}/kWh`;

/** For columns of memory, all in one unit. */
export const toGibibytes = (value: Bytes): number => value / 2 ** 30;
/** The unit in which a column of times is printed, so that its rows can be added by eye. */
export const timeScaleFor = (largest: Seconds): Scale => scaleFor(largest, SECONDS, 4);

/**
 * The parts rounded to `digits` decimals in such a way that the rounded parts add up to the rounded total: whoever adds
 * a printed column gets the printed sum. The parts with the largest remainders are rounded up (Hamilton's method).
 */
export const roundToSum = (parts: readonly number[], digits: number): readonly number[] => {
  const power = 10 ** digits;
  const exact = parts.map((part) => part * power);
  const rounded = exact.map(Math.floor);
  const missing = Math.round(add(exact)) - add(rounded);
  const byRemainder = exact
    .map((value, index) => ({ index, remainder: value - Math.floor(value) }))
    .toSorted((a, b) => b.remainder - a.remainder || a.index - b.index);
  for (const { index } of byRemainder.slice(0, missing)) rounded[index] = (rounded[index] ?? 0) + 1;
  return rounded.map((value) => value / power);
};

const add = (parts: readonly number[]): number => parts.reduce((total, part) => total + part, 0);

const scaled = (value: number, scales: readonly Scale[], digits: number): string => {
  const { unit, size } = scaleFor(Math.abs(value), scales, digits);
  return `${value < 0 ? '-' : ''}${significant(Math.abs(value) / size, digits)} ${unit}`;
};

/** The largest unit of which the rounded value is at least one, so that 1023.9 GiB reads 1.00 TiB; else the smallest. */
const scaleFor = (value: number, scales: readonly Scale[], digits: number): Scale => {
  const fitting = scales.find(({ size }) => Number((value / size).toPrecision(digits)) >= 1) ?? scales.at(-1);
  if (fitting === undefined) throw new RangeError('a quantity needs at least one unit');
  return fitting;
};

/** At least `digits` significant digits; all digits before the point are kept. */
const significant = (value: number, digits: number): string => {
  if (value === 0) return '0';
  const magnitude = Math.floor(Math.log10(Number(value.toPrecision(digits))));
  return value.toFixed(Math.min(100, Math.max(0, digits - 1 - magnitude)));
};

const grouped = (digits: string): string => digits.replaceAll(/\B(?=(\d{3})+$)/g, ',');
