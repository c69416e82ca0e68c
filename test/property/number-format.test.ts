/** Laws of number formats: every code is read and written as it is, and every number goes to the nearest code. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Dtype } from '../../src/kernels/dtype.ts';
import { DTYPE_BYTES } from '../../src/kernels/dtype.ts';
import { anyNumber } from '../worlds/filled.ts';
import { readNumbers, rounded, writeNumbers } from '../../src/kernels/number-format.ts';

const CODES = 65_536;
const ALL = Uint16Array.from({ length: CODES }, (_, code) => code);
const HALVES = [
  { dtype: 'bf16', mantissaBits: 7, bias: 127 },
  { dtype: 'fp16', mantissaBits: 10, bias: 15 },
] as const;

describe.each(HALVES)('$dtype', ({ dtype, mantissaBits, bias }) => {
  const decoded = readNumbers(ALL.buffer, { dtype, at: 0, length: CODES });
  const encoded = (values: ArrayLike<number>): Uint16Array => {
    const codes = new Uint16Array(values.length);
    writeNumbers(codes.buffer, { dtype, at: 0, length: values.length }, values);
    return codes;
  };
  /** What a code means, read off its bits as text. */
  const meaning = (code: number): number => {
    const bits = code.toString(2).padStart(16, '0');
    const sign = bits.startsWith('1') ? -1 : 1;
    const exponent = Number.parseInt(bits.slice(1, 16 - mantissaBits), 2);
    const fraction = Number.parseInt(bits.slice(16 - mantissaBits), 2) / 2 ** mantissaBits;
    if (exponent === 2 * bias + 1) return fraction === 0 ? sign * Infinity : NaN;
    return exponent === 0 ? sign * fraction * 2 ** (1 - bias) : sign * (1 + fraction) * 2 ** (exponent - bias);
  };

  test('every code means what its sign, exponent and fraction say', () => {
    expect([...ALL].filter((code) => !Object.is(decoded[code], meaning(code)))).toEqual([]);
  });

  test('every code that is a number is written as it was read, and NaN stays NaN', () => {
    const again = encoded(decoded);
    const isKept = (code: number): boolean =>
      Number.isNaN(meaning(code)) ? Number.isNaN(meaning(again[code]!)) : again[code] === code;
    expect([...ALL].filter((code) => !isKept(code))).toEqual([]);
  });

  test('between neighbours the nearer one is taken, and halfway the even one, up to infinity', () => {
    const infinity = (2 * bias + 1) << mantissaBits;
    const values: number[] = [];
    const wanted: number[] = [];
    for (let code = 0; code < infinity; code++) {
      const low = meaning(code);
      // Beyond the largest number the next step would be a power of two.
      const high = code + 1 === infinity ? 2 ** (bias + 1) : meaning(code + 1);
      const middle = (low + high) / 2;
      const nudge = middle * 2 ** -50;
      values.push(middle - nudge, middle, middle + nudge);
      wanted.push(code, code % 2 === 0 ? code : code + 1, code + 1);
    }
    const positive = encoded(values);
    const negative = encoded(values.map((value) => -value));
    expect(values.filter((_, index) => positive[index] !== wanted[index])).toEqual([]);
    expect(values.filter((_, index) => negative[index] !== (wanted[index]! | 0x8000))).toEqual([]);
  });

  test('no code is nearer to a number than its own, and of two as near its own is even', () => {
    const finite = [...new Set(decoded)].filter(Number.isFinite).sort((a, b) => a - b);
    const most = finite.at(-1)!;
    fc.assert(
      fc.property(fc.oneof(fc.double({ noNaN: true, min: -most, max: most }), anyNumber(4)), (value) => {
        const code = encoded([value])[0]!;
        const distance = Math.abs(meaning(code) - value);
        for (const one of finite) {
          const other = Math.abs(one - value);
          if (other < distance) expect.fail(`${value} became ${meaning(code)}, and ${one} is nearer`);
          if (other === distance && one !== meaning(code)) expect(code % 2).toBe(0);
        }
      }),
      { numRuns: 200, examples: [[0], [-0], [2 ** -133], [2 ** -134], [2 ** -25], [65_504]] },
    );
  });

  test('the sign of nothing is kept', () => {
    expect([...encoded([0, -0, 1e-320, -1e-320])]).toEqual([0, 0x8000, 0, 0x8000]);
  });
});

test('a number is rounded once, not first to fp32 and then again', () => {
  // The nearest fp32 is halfway between two numbers of bf16, although this is a little more than halfway.
  const value = 1 + 2 ** -8 + 2 ** -40;
  expect(Math.fround(value)).toBe(1 + 2 ** -8);
  expect([...rounded('bf16', [value])]).toEqual([1 + 2 ** -7]);
});

test('fp32 is rounded as the machine rounds it', () => {
  fc.assert(
    fc.property(fc.float64Array(), (values) => {
      expect([...rounded('fp32', values)]).toEqual([...values].map(Math.fround));
    }),
  );
});

test('whole numbers are kept, and what is none of the format is refused', () => {
  fc.assert(
    fc.property(fc.int32Array(), fc.uint8Array(), (words, small) => {
      expect([...rounded('int32', words)]).toEqual([...words]);
      expect([...rounded('uint8', small)]).toEqual([...small]);
    }),
  );
  for (const value of [0.5, NaN, 2 ** 31, -(2 ** 31) - 1])
    expect(() => rounded('int32', [value])).toThrow(`not ${value}`);
  for (const value of [-1, 256, 1.5]) expect(() => rounded('uint8', [value])).toThrow(`not ${value}`);
});

test('numbers stand where they were put, and nothing else moves', () => {
  const formats: Dtype[] = ['fp32', 'bf16', 'fp16', 'int32', 'uint8'];
  fc.assert(
    fc.property(fc.constantFrom(...formats), fc.nat(9), fc.array(fc.nat(200)), (dtype, start, values) => {
      const size = DTYPE_BYTES[dtype];
      const memory = new Uint8Array((start + values.length + 3) * size).fill(0xaa);
      const place = { dtype, at: start * size, length: values.length };
      writeNumbers(memory.buffer, place, values);
      expect([...readNumbers(memory.buffer, place)]).toEqual(values);
      const beside = [...memory.subarray(0, place.at), ...memory.subarray(place.at + values.length * size)];
      expect(beside.every((byte) => byte === 0xaa)).toBe(true);
    }),
  );
});

test('formats without a rule, and lists of another length, are refused', () => {
  expect(() => rounded('fp8', [1])).toThrow('fp8');
  expect(() => writeNumbers(new ArrayBuffer(8), { dtype: 'fp32', at: 0, length: 2 }, [1])).toThrow('2 numbers');
});
