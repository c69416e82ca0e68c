/** What small random operands do not reach: every code of a format, long rows, many tiles, and what is refused. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Operand } from '../../src/kernels/backend.ts';
import type { Dtype } from '../../src/kernels/dtype.ts';
import { DTYPE_BYTES } from '../../src/kernels/dtype.ts';
import { readNumbers, writeNumbers } from '../../src/kernels/number-format.ts';
import type { Op } from '../../src/kernels/op.ts';
import { referenceBackend } from '../../src/kernels/reference/backend.ts';
import type { WasmBackend } from '../../src/kernels/wasm/backend.ts';
import { wasmBackend } from '../../src/kernels/wasm/backend.ts';
import { GEMM_FLAGS } from '../../src/kernels/wasm/matrix-kernels.ts';
import type { Kernels } from '../../src/kernels/wasm/module.ts';
import { compiledMultiply } from '../../src/kernels/wasm/multiply.ts';
import type { NativeGemm, Product } from '../../src/kernels/wasm/product.ts';
import { Draw, sizeOf } from '../worlds/filled.ts';
import { KERNEL_VARIANTS, wasmMemory } from '../worlds/wasm-memory.ts';

const ROOM = 1 << 24;
const SCRATCH = 1 << 22;
const CODES = 1 << 16;

/** Operands one behind another, with room for scratch behind all of them. */
class Desk {
  readonly memory: ArrayBufferLike;
  readonly backend: WasmBackend;
  readonly kernels: Kernels;
  #end: number;

  constructor(variant: (typeof KERNEL_VARIANTS)[number], parts: { native?: NativeGemm; clock?: () => number } = {}) {
    const { kernels, memory, free } = wasmMemory(variant, ROOM + SCRATCH);
    this.kernels = kernels;
    this.memory = memory.buffer;
    this.#end = free;
    this.backend = wasmBackend({ memory, kernels, workspace: { reserve: () => free + ROOM }, ...parts });
  }
  place(dtype: Dtype, shape: readonly number[], values: ArrayLike<number> | null = null): Operand {
    const at = Math.ceil(this.#end / 64) * 64;
    this.#end = at + sizeOf(shape) * DTYPE_BYTES[dtype];
    if (values !== null) writeNumbers(this.memory, { dtype, at, length: sizeOf(shape) }, values);
    return { dtype, shape, at };
  }
  numbers({ dtype, shape, at }: Operand): Float64Array {
    return readNumbers(this.memory, { dtype, at, length: sizeOf(shape) });
  }
  /** The same operation by both; gives what each wrote. */
  both(op: Op, inputs: readonly Operand[], [dtype, shape]: readonly [Dtype, readonly number[]]): Float64Array[] {
    return [this.backend, referenceBackend(() => this.memory)].map((backend) => {
      const output = this.place(dtype, shape);
      backend.run(op, inputs, [output]);
      return this.numbers(output);
    });
  }
}

const expectSame = (actual: Float64Array, wanted: Float64Array): void => {
  expect(actual.length).toBe(wanted.length);
  for (const [index, want] of wanted.entries())
    if (!Object.is(actual[index], want)) expect.fail(`number ${index} is ${actual[index]}, not ${want}`);
};
const mostBetween = (a: Float64Array, b: Float64Array): number =>
  a.reduce((most, one, index) => Math.max(most, Math.abs(one - b[index]!)), 0);

describe.each(KERNEL_VARIANTS)('with %s kernels', (variant) => {
  test.each(['bf16', 'fp16'] as const)('every code of %s is the fp32 that it means', (from) => {
    const desk = new Desk(variant);
    const codes = desk.place(from, [CODES]);
    new Uint16Array(desk.memory, codes.at, CODES).set(Uint16Array.from({ length: CODES }, (_, code) => code));
    const cast = { kind: 'cast', elements: CODES, from, to: 'fp32' } as const;
    const [actual, wanted] = desk.both(cast, [codes], ['fp32', [CODES]]);
    expectSame(actual!, wanted!);
  });

  test.each(['bf16', 'fp16'] as const)(
    'numbers on, halfway between and beside the codes of %s round to the nearest',
    (to) => {
      const desk = new Desk(variant);
      const codes = desk.place(to, [CODES]);
      new Uint16Array(desk.memory, codes.at, CODES).set(Uint16Array.from({ length: CODES }, (_, code) => code));
      const numbers = desk.numbers(codes);
      const half = Float32Array.from(numbers, (one, index) => (one + (numbers[index + 1] ?? one)) / 2);
      const bits = new Uint32Array(half.buffer);
      const beside = [-1, 1].map((step) => new Float32Array(bits.map((one) => one + step).buffer));
      for (const values of [Float32Array.from(numbers), half, ...beside]) {
        const input = desk.place('fp32', [CODES], values);
        const cast = { kind: 'cast', elements: CODES, from: 'fp32', to } as const;
        const [actual, wanted] = desk.both(cast, [input], [to, [CODES]]);
        expectSame(actual!, wanted!);
      }
    },
  );

  test('the exponentials of a long row add up as in float64', () => {
    const [tokens, vocabulary, words] = [3, 50_001, 49_999];
    const desk = new Desk(variant);
    const draw = new Draw(1);
    const logits = desk.place('fp32', [tokens, vocabulary], draw.tensor('fp32', [tokens, vocabulary], [-9, 9]).values);
    const labels = desk.place('int32', [tokens], [7, 49_998, 50_000]);
    const op = { kind: 'cross-entropy', pass: 'forward', tokens, vocabulary, first: 0, words, weight: 1 } as const;
    const [actual, wanted] = [desk.backend, referenceBackend(() => desk.memory)].map((backend) => {
      const outputs = [desk.place('fp32', [tokens, vocabulary]), desk.place('fp32', [3, tokens])];
      backend.run({ ...op, dtype: 'fp32' }, [logits, labels], outputs);
      return desk.numbers(outputs[1]!);
    });
    for (const [index, want] of wanted!.entries())
      expect(Object.is(actual![index], want) || Math.abs(actual![index]! - want) < 1e-6 * Math.abs(want)).toBe(true);
  });

  test('runs of any length are copied whole, and nothing beside them', () => {
    const desk = new Desk(variant);
    const input = desk.place(
      'uint8',
      [8192],
      Uint8Array.from({ length: 8192 }, (_, index) => (index * 7) % 251),
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1500 }), fc.integer({ min: 0, max: 40 }), (run, gap) => {
        const [inside, outside] = [run, run + gap];
        const places = { from: 0, to: 0, fromStart: 3, toStart: 5 };
        const strides = { fromStrides: [0, 2 * inside, inside], toStrides: [0, 2 * outside, outside] } as const;
        const runs = [{ ...places, ...strides, run, counts: [1, 2, 2] }] as const;
        const copy = { kind: 'copy', read: 0, written: 0, dtype: 'uint8', runs } as const;
        const [actual, wanted] = desk.both(copy, [input], ['uint8', [4 * outside + 5]]);
        expectSame(actual!, wanted!);
      }),
      { numRuns: 60 },
    );
  });

  test('a bf16 product in many tiles of a library is the product that is made at once', () => {
    const [m, n, k] = [300, 1100, 8];
    const native = { name: 'another', multiply: (product: Product): boolean => multiply(product) };
    const desk = new Desk(variant, { native });
    const compiled = compiledMultiply(desk.kernels);
    const multiply = (product: Product): boolean => {
      expect(product.flags & GEMM_FLAGS.outputBf16).toBe(0);
      expect(product.bias).toBe(0);
      compiled(product, desk.place('uint8', [1 << 20]).at);
      return true;
    };
    const draw = new Draw(2);
    const tensor = (shape: readonly number[]): Operand => desk.place('bf16', shape, draw.tensor('bf16', shape).values);
    const inputs = [tensor([m, k]), tensor([k, n]), desk.place('fp32', [n], draw.tensor('fp32', [n]).values)];
    const held = draw.tensor('bf16', [m, n]).values;
    const shared = { kind: 'matmul', m, n, k, batch: 1, transpose: 'nn', isAttention: false, bias: true } as const;
    const op = { ...shared, accumulates: true, dtype: 'bf16', output: 'bf16' } as const;
    const [actual, wanted] = [desk.backend, referenceBackend(() => desk.memory)].map((backend) => {
      const output = desk.place('bf16', [m, n], held);
      backend.run(op, inputs, [output]);
      return desk.numbers(output);
    });
    // Sums of 8 products of numbers up to 2 stay below 64, where neighbours in bf16 are a quarter apart.
    expect(mostBetween(actual!, wanted!)).toBeLessThanOrEqual(0.25);
    expect(mostBetween(actual!, held)).toBeGreaterThan(1);
  });
});

const TRANSPOSES = ['nn', 'nt', 'tn'] as const;
test.each(TRANSPOSES)('products of groups of rows, some of none, are those of the reference (%s)', (transpose) => {
  const desk = new Desk('simd');
  const draw = new Draw(3);
  const [sizes, groups, rows, n, k] = [[3, 0, 6], 3, 9, 5, 7];
  const tensor = (...shape: number[]): Operand => desk.place('fp32', shape, draw.tensor('fp32', shape).values);
  const inputs = [tensor(rows, k), transpose === 'tn' ? tensor(rows, n) : tensor(groups, k, n)];
  const shared = { kind: 'grouped-matmul', sizes, groups, rows, n, k, transpose } as const;
  const op = { ...shared, accumulates: false, dtype: 'fp32', output: 'fp32' } as const;
  const [actual, wanted] = desk.both(op, inputs, ['fp32', transpose === 'tn' ? [groups, k, n] : [rows, n]]);
  expect(mostBetween(actual!, wanted!)).toBeLessThan(1e-5);
  expect(mostBetween(actual!, new Float64Array(actual!.length))).toBeGreaterThan(1);
});

test.each([1, 2, 3])('rows go to their places and come back as sums of %i', (choices) => {
  const desk = new Desk('simd');
  const draw = new Draw(4);
  const [tokens, width] = [6, 9];
  const rows = tokens * choices;
  const places = desk.place(
    'int32',
    [tokens, choices],
    Array.from({ length: rows }, (_, index) => (index === 4 ? -1 : (index * 5 + 2) % rows)),
  );
  const shared = { kind: 'permute', tokens, choices, rows, width, dtype: 'bf16' } as const;
  const few = desk.place('bf16', [tokens, width], draw.tensor('bf16', [tokens, width]).values);
  const many = desk.place('bf16', [rows, width], draw.tensor('bf16', [rows, width]).values);
  const [spread, wanted] = desk.both({ ...shared, direction: 'spread' }, [few, places], ['bf16', [rows, width]]);
  expectSame(spread!, wanted!);
  const [sums, wantedSums] = desk.both({ ...shared, direction: 'gather' }, [many, places], ['bf16', [tokens, width]]);
  expectSame(sums!, wantedSums!);
});

test('what nothing computes is refused by name', () => {
  const { backend } = new Desk('simd');
  const dropout = { kind: 'dropout', elements: 1, dtype: 'fp32' } as const;
  const softmax = { kind: 'softmax', pass: 'forward', rows: 1, columns: 1, dtype: 'fp32' } as const;
  expect(() => backend.run(dropout, [], [])).toThrow(/dropout needs a mask/);
  expect(() => backend.run(softmax, [], [])).toThrow(/computed as flash attention/);
});

test('a profile counts operations, and adds up the time of each class by the clock that it was given', () => {
  let now = 0;
  const desk = new Desk('simd', { clock: () => (now += 0.5) });
  const [a, b] = [desk.place('fp32', [4], [1, 2, 3, 4]), desk.place('fp32', [1], [1])];
  desk.backend.run({ kind: 'add', elements: 4, dtype: 'fp32' }, [a, a], [a]);
  desk.backend.run({ kind: 'squared-norm', elements: 4, dtype: 'fp32' }, [a], [b]);
  desk.backend.run({ kind: 'squared-norm', elements: 4, dtype: 'fp32' }, [a], [b]);
  expect(desk.backend.profile).toMatchObject({ operations: 3, seconds: { vector: 0.5, optimizer: 1, matrix: 0 } });
  expect(Array.from(desk.numbers(b))).toEqual([4 + 16 + 36 + 64]);
});
