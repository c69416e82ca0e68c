/** Compiled matrix kernels on shapes that cross the edges of tiles and blocks, which the suite of all backends is too small for. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readNumbers, writeNumbers } from '../../src/kernels/number-format.ts';
import type { FlashAttention } from '../../src/kernels/op/attention.ts';
import { wasmBackend } from '../../src/kernels/wasm/backend.ts';
import { fastestVariant, loadKernels } from '../../src/kernels/wasm/module.ts';
import { GEMM_FLAGS, GEMM_SCRATCH_BYTES } from '../../src/kernels/wasm/matrix-kernels.ts';
import type { AttentionShape } from '../worlds/attention-operations.ts';
import { attentionForward } from '../worlds/attention-operations.ts';
import type { Filled, Trial } from '../worlds/filled.ts';
import { allRowsOf, computed, Draw, results, sizeOf, unwritten } from '../worlds/filled.ts';
import { KERNEL_VARIANTS, wasmMemory } from '../worlds/wasm-memory.ts';

const MEGABYTE = 1 << 20;
const RUNS = 30;

/** Around the sizes of tiles (4 by 8) and of blocks (96 rows, 512 columns, 256 deep), and a single row. */
const around = (...sizes: number[]): fc.Arbitrary<number> =>
  fc.oneof(fc.constantFrom(...sizes.flatMap((size) => [size - 1, size, size + 1])), fc.integer({ min: 1, max: 40 }));
const anyProduct = fc.record({
  m: fc.oneof(fc.constant(1), around(4, 96)),
  n: around(8, 512),
  k: around(4, 256),
  flags: fc.nat(127),
  hasBias: fc.boolean(),
  /** Elements of each operand's rows that belong to others. */
  margin: fc.tuple(fc.nat(3), fc.nat(3), fc.nat(3)),
  seed: fc.integer(),
});

describe.each(KERNEL_VARIANTS)('the %s kernels', (variant) => {
  const { kernels, memory, free } = wasmMemory(variant, 16 * MEGABYTE);
  const scratch = Math.ceil(free / 64) * 64;

  /** Puts tensors behind each other; addresses in that order. */
  const place = (tensors: readonly Filled[], from: number): number[] => {
    let at = from;
    return tensors.map(({ dtype, values }) => {
      const start = at;
      writeNumbers(memory.buffer, { dtype, at, length: values.length }, values);
      at = Math.ceil((at + 4 * values.length + 1) / 4) * 4;
      return start;
    });
  };
  const read = ({ dtype, shape }: Filled, at: number): Float64Array =>
    readNumbers(memory.buffer, { dtype, at, length: sizeOf(shape) });

  test('a product is the sum of its terms, and writes no element beside it', () => {
    fc.assert(
      fc.property(anyProduct, ({ m, n, k, flags, hasBias, margin, seed }) => {
        const draw = new Draw(seed);
        const has = (flag: number): boolean => (flags & flag) !== 0;
        const formatOf = (flag: number): 'bf16' | 'fp32' => (has(flag) ? 'bf16' : 'fp32');
        const leftShape = has(GEMM_FLAGS.leftTransposed)
          ? ([k, m + margin[0]] as const)
          : ([m, k + margin[0]] as const);
        const rightShape = has(GEMM_FLAGS.rightTransposed)
          ? ([n, k + margin[1]] as const)
          : ([k, n + margin[1]] as const);
        const left = draw.tensor(formatOf(GEMM_FLAGS.leftBf16), leftShape);
        const right = draw.tensor(formatOf(GEMM_FLAGS.rightBf16), rightShape);
        const row = n + margin[2];
        const drawn = draw.tensor(formatOf(GEMM_FLAGS.outputBf16), [m, row]);
        const output = has(GEMM_FLAGS.accumulates) ? drawn : unwritten(drawn.dtype, drawn.shape);
        const bias = draw.tensor(formatOf(GEMM_FLAGS.biasBf16), [n]);
        const [a, b, c, d] = place([left, right, output, bias], scratch + GEMM_SCRATCH_BYTES);
        const biasAt = hasBias ? d! : 0;
        kernels.gemm(flags, m, n, k, a!, leftShape[1], b!, rightShape[1], c!, row, biasAt, scratch);
        const got = read(output, c!);
        const leftOf = (i: number, x: number): number =>
          left.values[has(GEMM_FLAGS.leftTransposed) ? x * leftShape[1] + i : i * leftShape[1] + x]!;
        const rightOf = (x: number, j: number): number =>
          right.values[has(GEMM_FLAGS.rightTransposed) ? j * rightShape[1] + x : x * rightShape[1] + j]!;
        for (let i = 0; i < m; i++) {
          for (let j = 0; j < n; j++) {
            let sum = (has(GEMM_FLAGS.accumulates) ? output.values[i * row + j]! : 0) + (hasBias ? bias.values[j]! : 0);
            for (let x = 0; x < k; x++) sum += leftOf(i, x) * rightOf(x, j);
            const rounding = has(GEMM_FLAGS.outputBf16) ? Math.abs(sum) * 2 ** -8 : 0;
            // Terms are below 4 each: what fp32 loses of k of them.
            if (!(Math.abs(got[i * row + j]! - sum) <= rounding + 4 * (k + 2) * 2 ** -22))
              expect.fail(`element ${i}, ${j} is ${got[i * row + j]}, not ${sum}`);
          }
          expect(got.slice(i * row + n, (i + 1) * row)).toEqual(output.values.slice(i * row + n, (i + 1) * row));
        }
      }),
      { numRuns: RUNS },
    );
  });

  test('an exponential is within two units of its last place wherever it is a normal number', () => {
    const count = 40_000;
    const [from, to] = [scratch, scratch + 4 * count];
    const numbers = new Float32Array(memory.buffer, from, count);
    for (let index = 0; index < count; index++) numbers[index] = -87.33 + (index / count) * 175.7;
    kernels.exponentials(from, to, count);
    const got = new Float32Array(memory.buffer, to, count);
    let worst = 0;
    for (const [index, x] of numbers.entries()) {
      const want = Math.exp(x);
      worst = Math.max(worst, Math.abs(got[index]! - want) / 2 ** (Math.floor(Math.log2(want)) - 23));
    }
    expect(worst).toBeLessThan(2);
  });

  test('an exponential of what is far below zero is zero, and of no number none', () => {
    const ends = [-Infinity, NaN, 0, -0, -1e30, -88, -105, -200];
    new Float32Array(memory.buffer, scratch, ends.length).set(ends);
    kernels.exponentials(scratch, scratch + 64, ends.length);
    expect([...new Float32Array(memory.buffer, scratch + 64, ends.length)]).toEqual([0, NaN, 1, 1, 0, 0, 0, 0]);
  });

  test('kernels of no named variant are those of the fastest that this runtime takes, bit for bit', () => {
    if (variant !== fastestVariant()) return expect(variant).toBe('simd');
    const numbers = [-3.25, -1.5, 0.7, 11];
    new Float32Array(memory.buffer, scratch, numbers.length).set(numbers);
    kernels.exponentials(scratch, scratch + 64, numbers.length);
    loadKernels(memory).exponentials(scratch, scratch + 128, numbers.length);
    const [named, unnamed] = [64, 128].map(
      (offset) => new Uint32Array(memory.buffer, scratch + offset, numbers.length),
    );
    return expect(unnamed).toEqual(named);
  });

  /** The workspace and the operands share the memory: the first half is the workspace's. */
  const backend = wasmBackend({
    memory,
    kernels,
    workspace: {
      reserve: (bytes) => {
        if (bytes > 8 * MEGABYTE) throw new RangeError(`${bytes} bytes of workspace are more than there are`);
        return scratch;
      },
    },
  });
  const expectAsReference = (trial: Trial): void => {
    const all = [...trial.inputs, ...trial.outputs];
    const places = place(all, scratch + 8 * MEGABYTE);
    const operands = all.map(({ dtype, shape }, index) => ({ dtype, shape, at: places[index]! }));
    const count = trial.inputs.length;
    backend.run(trial.op, operands.slice(0, count), operands.slice(count));
    for (const [index, wanted] of computed(trial).entries()) {
      const got = read(trial.outputs[index]!, places[count + index]!);
      const most = wanted.reduce((most, one) => (Number.isFinite(one) ? Math.max(most, Math.abs(one)) : most), 1);
      for (const [element, want] of wanted.entries())
        if (got[element] !== want && !(Math.abs(got[element]! - want) <= 2e-5 * most))
          expect.fail(`element ${element} of output ${index} is ${got[element]}, not ${want}`);
    }
  };

  /** Long enough for several blocks of keys (64 and 256) and tiles of queries (8 and 32), from any position on. */
  const anyLongShape: fc.Arbitrary<AttentionShape> = fc.record({
    layout: fc.constantFrom('keys with values' as const, 'apart' as const),
    kvHeads: fc.constantFrom(1, 2),
    group: fc.constantFrom(1, 2),
    keyDim: fc.integer({ min: 1, max: 20 }),
    valueDim: fc.integer({ min: 1, max: 20 }),
    margin: fc.nat(1),
    window: fc.option(fc.integer({ min: 1, max: 300 })),
    sinks: fc.boolean(),
    queriesAt: fc
      .record({
        length: fc.integer({ min: 1, max: 75 }),
        starts: fc.array(fc.nat(500), { minLength: 1, maxLength: 2 }),
      })
      .map((at) => ({ ...at, batch: 1 })),
    keysAt: fc
      .record({
        length: fc.integer({ min: 1, max: 300 }),
        starts: fc.array(fc.nat(400), { minLength: 1, maxLength: 2 }),
      })
      .map((at) => ({ ...at, batch: 1 })),
    seed: fc.integer(),
  });

  test('attention over many blocks of keys is what the reference computes, and so are its gradients', () => {
    fc.assert(
      fc.property(anyLongShape, (shape) => {
        const forward = attentionForward(shape, 'fp32');
        expectAsReference(forward);
        expectAsReference(backwardOf(forward, new Draw(shape.seed + 1)));
      }),
      { numRuns: RUNS },
    );
  });
});

const backwardOf = (forward: Trial & { readonly op: FlashAttention }, draw: Draw): Trial => {
  const { op } = forward;
  const [output, sums] = results(forward);
  return {
    op: { ...op, pass: 'backward' },
    inputs: [...forward.inputs, output!, sums!, draw.tensor('fp32', output!.shape)],
    outputs: [
      unwritten('fp32', [allRowsOf(op.queriesAt), op.heads * op.keyDim]),
      unwritten('fp32', [allRowsOf(op.keysAt), op.kvHeads * (op.keyDim + op.valueDim)]),
      ...(op.sinks ? [draw.tensor('fp32', [op.heads])] : []),
    ],
  };
};
