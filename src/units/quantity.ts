/** Numbers that remember their unit. The brand lives in the type only: at run time a quantity is a plain number. */
declare const unit: unique symbol;
export type Quantity<U extends string> = number & { readonly [unit]: U };

export type Seconds = Quantity<'s'>;
export type Bytes = Quantity<'B'>;
export type Flops = Quantity<'FLOP'>;
export type BytesPerSecond = Quantity<'B/s'>;
export type FlopsPerSecond = Quantity<'FLOP/s'>;
export type Dollars = Quantity<'$'>;
export type DollarsPerHour = Quantity<'$/h'>;
export type DollarsPerJoule = Quantity<'$/J'>;
export type Watts = Quantity<'W'>;
export type Joules = Quantity<'J'>;
/** A share or a factor. */
export type Ratio = Quantity<'1'>;

/** A point in simulated time: whole nanoseconds since the step began. Never added to another instant. */
export type Instant = Quantity<'ns since start'>;

const checked = <U extends string>(value: number, name: string): Quantity<U> => {
  if (!Number.isFinite(value) || value < 0) throw new RangeError(`${name} must be finite and >= 0, got ${value}`);
  return value as Quantity<U>;
};

export const seconds = (value: number): Seconds => checked(value, 'seconds');
export const bytes = (value: number): Bytes => checked(value, 'bytes');
export const flops = (value: number): Flops => checked(value, 'flops');
export const bytesPerSecond = (value: number): BytesPerSecond => checked(value, 'bytesPerSecond');
export const flopsPerSecond = (value: number): FlopsPerSecond => checked(value, 'flopsPerSecond');
export const dollars = (value: number): Dollars => checked(value, 'dollars');
export const dollarsPerHour = (value: number): DollarsPerHour => checked(value, 'dollarsPerHour');
export const dollarsPerJoule = (value: number): DollarsPerJoule => checked(value, 'dollarsPerJoule');
export const watts = (value: number): Watts => checked(value, 'watts');
export const joules = (value: number): Joules => checked(value, 'joules');
export const ratio = (value: number): Ratio => checked(value, 'ratio');

/** Time to push `size` bytes through a pipe of `rate` bytes per second. */
export const transferTime = (size: Bytes, rate: BytesPerSecond): Seconds => seconds(size / rate);

/** Time to do `work` FLOPs at `rate` FLOPs per second. */
export const computeTime = (work: Flops, rate: FlopsPerSecond): Seconds => seconds(work / rate);

/** The sum of two quantities of one unit; it refuses two units, as `+` does not. */
export const plus = <U extends string>(a: Quantity<U>, b: Quantity<NoInfer<U>>): Quantity<U> => (a + b) as Quantity<U>;
export const times = <U extends string>(a: Quantity<U>, factor: number): Quantity<U> => (a * factor) as Quantity<U>;
export const sum = <U extends string>(terms: Iterable<Quantity<U>>): Quantity<U> => {
  let total = 0;
  for (const term of terms) total += term;
  return total as Quantity<U>;
};
export const larger = <U extends string>(a: Quantity<U>, b: Quantity<NoInfer<U>>): Quantity<U> => (a > b ? a : b);

export const zeroSeconds = 0 as Seconds;
export const zeroBytes = 0 as Bytes;

export const instantZero = 0 as Instant;
/** The instant `nanoseconds` after the start; a part of a nanosecond is rounded. */
export const instant = (nanoseconds: number): Instant => checked(Math.round(nanoseconds), 'instant');
/** The instant `delay` after `from`: the one place where a duration is rounded to whole nanoseconds. */
export const later = (from: Instant, delay: Seconds): Instant => (from + Math.round(delay * 1e9)) as Instant;
export const latest = (a: Instant, b: Instant): Instant => (a > b ? a : b);
/** Seconds from `start` to `end`. */
export const between = (start: Instant, end: Instant): Seconds => seconds((end - start) / 1e9);
/** `a` less `b`; what it yields may be negative: headroom that is not there. */
export const minus = <U extends string>(a: Quantity<U>, b: Quantity<NoInfer<U>>): Quantity<U> => (a - b) as Quantity<U>;
