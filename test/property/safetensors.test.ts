/** Laws of safetensors files and of the numbers in them, against the published format and IEEE 754. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fromFloats, toFloats } from '../../src/exec/checkpoint/floats.ts';
import type { ElementType, TensorPlan } from '../../src/exec/checkpoint/safetensors.ts';
import { bytesOf, ELEMENT_BYTES, headerOf, parseHeader } from '../../src/exec/checkpoint/safetensors.ts';
import { SafetensorsFile, SafetensorsWriter } from '../../src/exec/checkpoint/safetensors-file.ts';
import { memoryDisk } from '../worlds/memory-disk.ts';

const anyType = fc.constantFrom(...(Object.keys(ELEMENT_BYTES) as ElementType[]));
const anyPlans: fc.Arbitrary<readonly TensorPlan[]> = fc.uniqueArray(
  fc.record({
    name: fc.string({ unit: 'grapheme' }).filter((name) => !['__metadata__', '__proto__'].includes(name)),
    type: anyType,
    shape: fc.array(fc.nat(5), { maxLength: 3 }),
  }),
  { selector: ({ name }) => name, maxLength: 6 },
);

test('a file begins with the length of a JSON header that places every tensor behind it, without a gap', () => {
  const header = headerOf(
    [
      { name: 'a', type: 'F32', shape: [2, 3] },
      { name: 'b', type: 'BF16', shape: [] },
    ],
    { format: 'pt' },
  );
  const json =
    '{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"b":{"dtype":"BF16","shape":[],"data_offsets":[24,26]}}';
  const length = Math.ceil(json.length / 8) * 8;
  expect([...header.subarray(0, 8)]).toEqual([length, 0, 0, 0, 0, 0, 0, 0]);
  expect(new TextDecoder().decode(header.subarray(8))).toBe(json.padEnd(length));
});

test('whatever is written is read again, byte by byte, in pieces of any size', () => {
  fc.assert(
    fc.property(anyPlans, fc.integer({ min: 1, max: 7 }), fc.nat(255), (plans, step, salt) => {
      const disk = memoryDisk();
      const file = disk.create('/a.safetensors');
      const writer = new SafetensorsWriter(file, plans, { salt: String(salt) });
      const contents = plans.map((plan, index) =>
        Uint8Array.from({ length: bytesOf(plan) }, (_, at) => salt + 31 * index + 7 * at),
      );
      for (const bytes of contents)
        for (let at = 0; at < bytes.length; at += step) writer.write(bytes.subarray(at, at + step));
      expect(writer.end().bytes).toBe(disk.size());
      const read = new SafetensorsFile(disk, '/a.safetensors');
      expect(read.header.metadata).toEqual({ salt: String(salt) });
      for (const [index, { name, type, shape }] of plans.entries()) {
        const place = read.find(name)!;
        expect([place.type, place.shape]).toEqual([type, shape]);
        const count = bytesOf({ type, shape }) / ELEMENT_BYTES[type];
        expect([...read.read(place, 0, count)]).toEqual([...contents[index]!]);
        const half = Math.floor(count / 2);
        expect([...read.read(place, half, count - half)]).toEqual([
          ...contents[index]!.subarray(half * ELEMENT_BYTES[type]),
        ]);
        expect(() => read.read(place, 1, count)).toThrow(RangeError);
      }
    }),
  );
});

test('a writer that is given too little or too much says so', () => {
  const disk = memoryDisk();
  const plans = [{ name: 'a', type: 'F32', shape: [2] }] as const;
  for (const length of [7, 9]) {
    const writer = new SafetensorsWriter(disk.create('/a'), plans, {});
    writer.write(new Uint8Array(length));
    expect(() => writer.end()).toThrow(/were written of a file of/u);
  }
});

const headerFor = (entries: unknown, size: number): void => {
  const json = Buffer.from(typeof entries === 'string' ? entries : JSON.stringify(entries));
  parseHeader(json, { file: 'x.safetensors', size: 8 + json.length + size });
};
const entry = (from: number, to: number): object => ({
  dtype: 'F32',
  shape: [(to - from) / 4],
  data_offsets: [from, to],
});

test('a header that leaves a gap, overlaps, goes beyond the file, or is not understood is refused', () => {
  headerFor({ b: entry(8, 12), a: entry(0, 8) }, 12);
  for (const [entries, size, complaint] of [
    [{ a: entry(0, 8), b: entry(12, 16) }, 16, /"b" starts at/u],
    [{ a: entry(0, 8), b: entry(4, 12) }, 12, /"b" starts at/u],
    [{ a: entry(0, 8) }, 12, /wanted the/u],
    [{ a: entry(0, 8) }, 4, /wanted the/u],
    [{ a: { ...entry(0, 8), shape: [3] } }, 8, /"a" has 8 bytes, wanted 12 of F32/u],
    [{ a: { ...entry(0, 8), dtype: 'F12' } }, 8, /says of "a" is not understood/u],
    ['no json', 0, /its header is no JSON/u],
  ] as const)
    expect(() => headerFor(entries, size)).toThrow(complaint);
  const disk = memoryDisk();
  disk.create('/short').write(new Uint8Array(7));
  disk.create('/cut').write(Uint8Array.of(9, 0, 0, 0, 0, 0, 0, 0, 123));
  disk.create('/huge').write(new Uint8Array(16).fill(255));
  for (const name of ['/short', '/cut', '/huge']) expect(() => new SafetensorsFile(disk, name)).toThrow(name);
});

test('every bf16 and fp16 number is an fp32 number and comes back from it', () => {
  const all = Uint16Array.from({ length: 2 ** 16 }, (_, bits) => bits);
  for (const type of ['BF16', 'F16'] as const) {
    const floats = toFloats(new Uint8Array(all.buffer), type);
    const back = new Uint16Array(fromFloats(floats, type).buffer);
    const changed = all.filter((bits, index) => back[index] !== bits && !Number.isNaN(floats[index]));
    expect([...changed]).toEqual([]);
    // A NaN stays one, whatever its payload.
    expect(toFloats(new Uint8Array(back.buffer), type).filter(Number.isNaN).length).toBe(
      floats.filter(Number.isNaN).length,
    );
  }
  const half = (bits: number): number => toFloats(new Uint8Array(Uint16Array.of(bits).buffer), 'F16')[0]!;
  expect([0x3c00, 0xc000, 0x7bff, 0x0400, 0x0001, 0x7c00].map(half)).toEqual([
    1,
    -2,
    65504,
    2 ** -14,
    2 ** -24,
    Infinity,
  ]);
});

test('a number is rounded to the nearest narrow one, of two as near to the even one', () => {
  for (const type of ['BF16', 'F16'] as const) {
    const limit = type === 'BF16' ? 0x7f80 : 0x7c00;
    const valueOf = (bits: number): number => toFloats(new Uint8Array(Uint16Array.of(bits).buffer), type)[0]!;
    const rounded = (value: number): number => new Uint16Array(fromFloats(Float32Array.of(value), type).buffer)[0]!;
    fc.assert(
      fc.property(fc.nat(limit - 2), fc.constantFrom(0.25, 0.5, 0.75), fc.boolean(), (bits, share, isNegative) => {
        const [low, high] = [valueOf(bits), valueOf(bits + 1)];
        const between = low + (high - low) * share;
        // The smallest numbers of fp32 have nothing between them.
        fc.pre(Math.fround(between) === between);
        const wanted = share < 0.5 || (share === 0.5 && bits % 2 === 0) ? bits : bits + 1;
        const sign = isNegative ? 0x8000 : 0;
        expect(rounded(isNegative ? -between : between)).toBe(wanted + sign);
      }),
    );
  }
  const half = (value: number): number => new Uint16Array(fromFloats(Float32Array.of(value), 'F16').buffer)[0]!;
  expect([65519.996, 65520, 1e10, -Infinity].map(half)).toEqual([0x7bff, 0x7c00, 0x7c00, 0xfc00]);
});
