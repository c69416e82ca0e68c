/** Quantities as people write them, read strictly: GiB is not GB, Gbps is not GB/s, and a number without its unit is refused. */
import type {
  Bytes,
  BytesPerSecond,
  Dollars,
  DollarsPerHour,
  DollarsPerJoule,
  FlopsPerSecond,
  Quantity,
  Seconds,
  Watts,
} from './quantity.ts';
import {
  bytes,
  bytesPerSecond,
  dollars,
  dollarsPerHour,
  dollarsPerJoule,
  flopsPerSecond,
  seconds,
  watts,
} from './quantity.ts';

/** A quantity, or what was wrong with its spelling and the nearest right one. Nothing is thrown: the caller has a place to name. */
export type Reading<Value> =
  | { readonly kind: 'value'; readonly value: Value }
  | { readonly kind: 'misspelt'; readonly message: string; readonly suggestion: string };

/** `number` times `10^exponent` times `factor`. The exponent is applied to the digits, so that 1.1T is exactly 1.1e12. */
interface Scale {
  readonly exponent: number;
  readonly factor: number;
}

/** What can be measured in one way: the units it is written in, the nearest of which is offered for a wrong one. */
interface Dimension {
  readonly wanted: string;
  readonly example: string;
  readonly units: Readonly<Record<string, Scale>>;
  /** Offered for a number that stands alone. */
  readonly usual: string;
  readonly most: number;
}

/** Bytes and multiples: `80GiB`, `2TB`. */
export const parseBytes = (text: string | number): Reading<Bytes> => read(text, SIZE, bytes);
/** Bytes or bits a second: `450GB/s`, `400Gbps`. */
export const parseBandwidth = (text: string | number): Reading<BytesPerSecond> => read(text, BANDWIDTH, bytesPerSecond);
export const parseFlopsPerSecond = (text: string | number): Reading<FlopsPerSecond> =>
  read(text, SPEED, flopsPerSecond);
export const parseSeconds = (text: string | number): Reading<Seconds> => read(text, TIME, seconds);
/** What people wait for: `45s`, `10min`, `1h`, `2days`. */
export const parseDuration = (text: string | number): Reading<Seconds> => read(text, DURATION, seconds);
export const parseDollarsPerHour = (text: string | number): Reading<DollarsPerHour> =>
  read(text, PRICE, dollarsPerHour);
/** What is paid once: `$32000`, `$32K`. */
export const parseDollars = (text: string | number): Reading<Dollars> => read(text, SUM, dollars);
/** What power costs: `$0.08/kWh`. */
export const parseDollarsPerJoule = (text: string | number): Reading<DollarsPerJoule> =>
  read(text, TARIFF, dollarsPerJoule);
export const parseWatts = (text: string | number): Reading<Watts> => read(text, POWER, watts);
/** A factor, which may be more than one: `1.2` or `120%`. */
export const parseRatio = (text: string | number): Reading<Quantity<'1'>> => read(text, RATIO, ratio);
/** A part of something: `0.8` or `80%`, and never more than all of it. */
export const parseShare = (text: string | number): Reading<Quantity<'1'>> => {
  const reading = read(text, SHARE, ratio);
  // Whoever writes 80 for a share means per cent.
  const isPercentage = reading.kind === 'misspelt' && read(`${text}%`, SHARE, ratio).kind === 'value';
  return isPercentage ? misspelt(text, SHARE, `${text}%`) : reading;
};
/** Tokens or parameters, the only things counted in K, M, B and T: `300B`, `15T`, `1000`. */
export const parseCount = (text: string | number): Reading<number> => {
  const reading = read(text, COUNT, (value) => value);
  if (reading.kind === 'value' && Number.isSafeInteger(reading.value)) return reading;
  const suggestion = reading.kind === 'misspelt' ? reading.suggestion : String(text);
  return misspelt(text, COUNT, nearestCount(suggestion));
};

const nearestCount = (suggestion: string): string => {
  const near = read(suggestion, COUNT, (value) => value);
  if (near.kind === 'misspelt') return COUNT.example;
  return Number.isSafeInteger(near.value)
    ? suggestion
    : String(Math.min(Math.round(near.value), Number.MAX_SAFE_INTEGER));
};

const read = <Value>(text: string | number, dimension: Dimension, make: (value: number) => Value): Reading<Value> => {
  const value = valueIn(String(text), dimension);
  return value === null
    ? misspelt(text, dimension, nearestSpelling(String(text), dimension))
    : { kind: 'value', value: make(value) };
};

const valueIn = (text: string, { units, most }: Dimension): number | null => {
  const { digits, unit } = split(text);
  const scale = Object.hasOwn(units, unit) ? units[unit] : undefined;
  if (digits === null || scale === undefined) return null;
  const value = Number(`${digits}e${scale.exponent}`) * scale.factor;
  return value <= most && (value === 0 || value >= LEAST) ? value : null;
};

/** The same number in the nearest unit, or without the sign that nothing here can have; the example if neither can be read. */
const nearestSpelling = (text: string, dimension: Dimension): string => {
  const { digits, unit } = split(text.replace('-', ''));
  if (digits === null) return dimension.example;
  const own = Object.hasOwn(dimension.units, unit) ? unit : nearestUnit(unit, dimension);
  const spelling = join(digits, own);
  return valueIn(spelling, dimension) === null ? dimension.example : spelling;
};

const misspelt = (text: string | number, { wanted }: Dimension, suggestion: string): Reading<never> => ({
  kind: 'misspelt',
  message: `${text} is not ${wanted}`,
  suggestion,
});

/** The digits, and everything around them as the unit: `$2.50/h` is 2.50 of `$/h`. Nobody needs more than 30 digits. */
const split = (text: string): { digits: string | null; unit: string } => {
  const [, sign = '', digits = null, rest = ''] = /^\s*(\$?)\s*(\d{1,30}(?:\.\d+)?)\s*(.*?)\s*$/u.exec(text) ?? [];
  return { digits, unit: sign + rest };
};
const join = (digits: string, unit: string): string =>
  unit.startsWith('$') ? `$${digits}${unit.slice(1)}` : `${digits}${unit}`;

/** The unit that begins like the one given, in its own case if possible, so that GBps leads to GB/s and gib to GiB. */
const nearestUnit = (unit: string, { units, usual }: Dimension): string => {
  let best = usual;
  let bestScore = 0;
  for (const candidate of Object.keys(units)) {
    const folded = sharedPrefix(unit.toLowerCase(), candidate.toLowerCase());
    const score = 100 * sharedPrefix(unit, candidate) + 10 * folded - candidate.length;
    if (folded > 0 && score > bestScore) [best, bestScore] = [candidate, score];
  }
  return best;
};
const sharedPrefix = (a: string, b: string): number => {
  let length = 0;
  while (length < Math.min(a.length, b.length) && a[length] === b[length]) length += 1;
  return length;
};

const DECIMAL_PREFIXES = ['', 'K', 'M', 'G', 'T', 'P', 'E'] as const;
const BINARY_PREFIXES = ['Ki', 'Mi', 'Gi', 'Ti', 'Pi'] as const;

const decimal = (unit: string, factor = 1): Record<string, Scale> =>
  Object.fromEntries(DECIMAL_PREFIXES.map((prefix, power) => [prefix + unit, { exponent: 3 * power, factor }]));
const binary = (unit: string): Record<string, Scale> =>
  Object.fromEntries(
    BINARY_PREFIXES.map((prefix, power) => [prefix + unit, { exponent: 0, factor: 1024 ** (power + 1) }]),
  );
const plain = (exponents: Readonly<Record<string, number>>): Record<string, Scale> =>
  Object.fromEntries(Object.entries(exponents).map(([unit, exponent]) => [unit, { exponent, factor: 1 }]));

/** Beyond every machine and every moment: what is calculated with more, or divided by less, might not stay finite. */
const MOST = 1e30;
const LEAST = 1e-30;

const SIZE: Dimension = {
  wanted: 'an amount of memory such as 80GiB',
  example: '80GiB',
  usual: 'GiB',
  units: { ...decimal('B'), ...binary('B') },
  most: MOST,
};
const BANDWIDTH: Dimension = {
  wanted: 'a bandwidth such as 450GB/s or 400Gbps',
  example: '450GB/s',
  usual: 'GB/s',
  units: { ...decimal('B/s'), ...binary('B/s'), ...decimal('bps', 1 / 8) },
  most: MOST,
};
const SPEED: Dimension = {
  wanted: 'a computing speed such as 989TFLOPS',
  example: '989TFLOPS',
  usual: 'TFLOPS',
  units: decimal('FLOPS'),
  most: MOST,
};
const TIME: Dimension = {
  wanted: 'a time such as 2us',
  example: '2us',
  usual: 'us',
  units: plain({ s: 0, ms: -3, us: -6, ns: -9 }),
  most: MOST,
};
const DURATION: Dimension = {
  wanted: 'a time such as 10min or 1h',
  example: '10min',
  usual: 'min',
  units: {
    ms: { exponent: -3, factor: 1 },
    s: { exponent: 0, factor: 1 },
    min: { exponent: 0, factor: 60 },
    h: { exponent: 0, factor: 3_600 },
    days: { exponent: 0, factor: 86_400 },
  },
  most: MOST,
};
const PRICE: Dimension = {
  wanted: 'a price such as $2.50/h',
  example: '$2.50/h',
  usual: '$/h',
  units: plain({ '$/h': 0 }),
  most: MOST,
};
const SUM: Dimension = {
  wanted: 'a sum such as $32000 or $32K',
  example: '$32000',
  usual: '$',
  units: plain({ $: 0, $K: 3, $M: 6, $B: 9 }),
  most: MOST,
};
const JOULES_A_KILOWATT_HOUR = 3.6e6;
const TARIFF: Dimension = {
  wanted: 'a price of energy such as $0.08/kWh',
  example: '$0.08/kWh',
  usual: '$/kWh',
  units: {
    '$/kWh': { exponent: 0, factor: 1 / JOULES_A_KILOWATT_HOUR },
    '$/MWh': { exponent: -3, factor: 1 / JOULES_A_KILOWATT_HOUR },
  },
  most: MOST,
};
const POWER: Dimension = {
  wanted: 'a power such as 700W',
  example: '700W',
  usual: 'W',
  units: plain({ W: 0, kW: 3, MW: 6 }),
  most: MOST,
};
const RATIO: Dimension = {
  wanted: 'a factor such as 1.2 or 120%',
  example: '120%',
  usual: '%',
  units: plain({ '': 0, '%': -2 }),
  most: MOST,
};
const SHARE: Dimension = { ...RATIO, wanted: 'a share such as 0.8 or 80%', example: '80%', most: 1 };
const COUNT: Dimension = {
  wanted: 'a whole number such as 1000, 300B or 15T',
  example: '300B',
  usual: 'B',
  units: plain({ '': 0, K: 3, M: 6, B: 9, T: 12 }),
  most: MOST,
};

export const ratio = (value: number): Quantity<'1'> => value as Quantity<'1'>;
