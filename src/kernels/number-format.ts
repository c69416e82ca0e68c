/** The formats that numbers are kept in, exactly: what each code means, and which code is nearest to a number. */
import type { Dtype } from './dtype.ts';
import { DTYPE_BYTES } from './dtype.ts';

/** Where numbers stand: `length` of them from byte `at` on, a multiple of one's size. */
export interface Place {
  readonly dtype: Dtype;
  readonly at: number;
  readonly length: number;
}

export const readNumbers = (memory: ArrayBufferLike, place: Place): Float64Array =>
  Float64Array.from(FORMATS[place.dtype].decode(codesAt(memory, place)));

/** Rounds each to the nearest number that the format has, ties to the one with an even code. */
export const writeNumbers = (memory: ArrayBufferLike, place: Place, values: ArrayLike<number>): void => {
  if (values.length !== place.length)
    throw new RangeError(`${place.length} numbers were to be written, not ${values.length}`);
  codesAt(memory, place).set(FORMATS[place.dtype].encode(values));
};

/** Each number as it is read again after it was written. */
export const rounded = (dtype: Dtype, values: ArrayLike<number>): Float64Array => {
  const place = { dtype, at: 0, length: values.length };
  const memory = new ArrayBuffer(values.length * DTYPE_BYTES[dtype]);
  writeNumbers(memory, place, values);
  return readNumbers(memory, place);
};

type Codes = Float32Array | Int32Array | Uint16Array | Uint8Array;
interface Format {
  readonly codes: new (memory: ArrayBufferLike, at: number, length: number) => Codes;
  readonly decode: (codes: Codes) => ArrayLike<number> & Iterable<number>;
  readonly encode: (values: ArrayLike<number>) => ArrayLike<number>;
}

/** IEEE 754's binary formats of 16 bits, and bfloat16, which is the upper half of an fp32. */
interface Half {
  readonly mantissaBits: number;
  /** Of the smallest normal number; subnormal ones have the same spacing as those. */
  readonly exponentMin: number;
  readonly exponentMax: number;
}
const BF16: Half = { mantissaBits: 7, exponentMin: -126, exponentMax: 127 };
const FP16: Half = { mantissaBits: 10, exponentMin: -14, exponentMax: 15 };
const HALF_SIGN = 0x8000;

const half = (format: Half): Format => ({
  codes: Uint16Array,
  decode: (codes) => Float64Array.from(codes, (code) => halfToNumber(format, code)),
  encode: (values) => numbersToHalf(format, values),
});

/** Whole numbers are not rounded: what is none of them was never meant to be one. */
const whole = (codes: Format['codes'], [least, most]: readonly [number, number]): Format => ({
  codes,
  decode: (read) => read,
  encode: (values) => {
    for (let index = 0; index < values.length; index++) {
      const value = values[index]!;
      if (!Number.isInteger(value) || value < least || value > most)
        throw new RangeError(`a whole number from ${least} to ${most} was wanted, not ${value}`);
    }
    return values;
  },
});

const unsupported = (dtype: Dtype): Format => {
  const refuse = (): never => {
    throw new TypeError(`numbers in ${dtype} cannot be read or written`);
  };
  return { codes: Uint8Array, decode: refuse, encode: refuse };
};

const FORMATS: Readonly<Record<Dtype, Format>> = {
  // A typed array of fp32 rounds by itself, to the nearest, ties to even.
  fp32: { codes: Float32Array, decode: (codes) => codes, encode: (values) => values },
  bf16: half(BF16),
  fp16: half(FP16),
  int32: whole(Int32Array, [-(2 ** 31), 2 ** 31 - 1]),
  uint8: whole(Uint8Array, [0, 255]),
  fp8: unsupported('fp8'),
  fp4: unsupported('fp4'),
};

const codesAt = (memory: ArrayBufferLike, { dtype, at, length }: Place): Codes =>
  new FORMATS[dtype].codes(memory, at, length);

const halfToNumber = ({ mantissaBits, exponentMin, exponentMax }: Half, code: number): number => {
  const sign = code & HALF_SIGN ? -1 : 1;
  const mantissa = code & (2 ** mantissaBits - 1);
  const exponent = ((code & ~HALF_SIGN) >> mantissaBits) + exponentMin - 1;
  if (exponent > exponentMax) return mantissa === 0 ? sign * Infinity : NaN;
  if (exponent < exponentMin) return sign * mantissa * 2 ** (exponentMin - mantissaBits);
  return sign * (2 ** mantissaBits + mantissa) * 2 ** (exponent - mantissaBits);
};

/**
 * In one rounding from float64, never through fp32, which would round twice. The mantissa is counted in steps of the
 * spacing around the number; adding 2^52 leaves a float64 no bits behind the point, so it rounds to even there. Counted
 * so, a mantissa that rounds up to the next power of two carries into the exponent, and from the largest number into
 * infinity.
 */
const numbersToHalf = ({ mantissaBits, exponentMin, exponentMax }: Half, values: ArrayLike<number>): Uint16Array => {
  const infinity = (exponentMax - exponentMin + 2) << mantissaBits;
  const single = new Float32Array(1);
  const bits = new Uint32Array(single.buffer);
  return Uint16Array.from(values, (value) => {
    if (Number.isNaN(value)) return infinity | (1 << (mantissaBits - 1));
    const sign = value < 0 || Object.is(value, -0) ? HALF_SIGN : 0;
    const magnitude = Math.abs(value);
    if (magnitude >= 2 ** (exponentMax + 1)) return sign | infinity;
    // Where fp32 rounds up to the next power of two, so does the coarser format.
    single[0] = magnitude;
    const exponent = Math.max((bits[0]! >>> 23) - 127, exponentMin);
    const steps = magnitude * 2 ** (mantissaBits - exponent) + 2 ** 52 - 2 ** 52;
    return sign | (((exponent - exponentMin) << mantissaBits) + steps);
  });
};
