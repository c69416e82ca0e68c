/** Products of native libraries, where the machine has any: what the compiled kernels compute, by another hand. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cblas } from '../../src/kernels/native/cblas.ts';
import { nativeGemm } from '../../src/kernels/native/native-gemm.ts';
import { oneDnn } from '../../src/kernels/native/one-dnn.ts';
import { readNumbers, writeNumbers } from '../../src/kernels/number-format.ts';
import { GEMM_FLAGS, GEMM_SCRATCH_BYTES } from '../../src/kernels/wasm/matrix-kernels.ts';
import { Draw } from '../worlds/filled.ts';
import { wasmMemory } from '../worlds/wasm-memory.ts';

const { kernels, memory, free } = wasmMemory('simd', 1 << 22);
const scratch = Math.ceil(free / 64) * 64;
const [LEFT, RIGHT, NATIVE, COMPILED] = [0, 1, 2, 3].map((index) => scratch + GEMM_SCRATCH_BYTES + index * 65_536);

test('a machine without a native library says why', () => {
  const none = nativeGemm(memory, []);
  expect(none.gemm === null && none.reason).toMatch(/koffi|installed/);
});

/** Those that this machine has: each alone, though the best of them is what a run takes. */
const FOUND = [oneDnn, cblas].flatMap((library) => nativeGemm(memory, [library]).gemm ?? []);

describe.each(FOUND)('$name', (library) => {
  const size = fc.integer({ min: 1, max: 40 });
  const anyProduct = fc.record({ m: size, n: size, k: size, flags: fc.nat(31), margin: fc.nat(3), seed: fc.integer() });

  test('multiplies as the compiled kernels do, or leaves everything as it was', () => {
    fc.assert(
      fc.property(anyProduct, ({ m, n, k, flags, margin, seed }) => {
        const draw = new Draw(seed);
        const write = (at: number, dtype: 'fp32' | 'bf16', length: number): void =>
          writeNumbers(memory.buffer, { at, dtype, length }, draw.tensor(dtype, [length]).values);
        const has = (flag: number): boolean => (flags & flag) !== 0;
        const leftRow = (has(GEMM_FLAGS.leftTransposed) ? m : k) + margin;
        const rightRow = (has(GEMM_FLAGS.rightTransposed) ? k : n) + margin;
        const outputRow = n + margin;
        write(LEFT!, has(GEMM_FLAGS.leftBf16) ? 'bf16' : 'fp32', leftRow * Math.max(m, k));
        write(RIGHT!, has(GEMM_FLAGS.rightBf16) ? 'bf16' : 'fp32', rightRow * Math.max(n, k));
        write(NATIVE!, 'fp32', m * outputRow);
        const held = { at: NATIVE!, dtype: 'fp32', length: m * outputRow } as const;
        const before = readNumbers(memory.buffer, held);
        writeNumbers(memory.buffer, { ...held, at: COMPILED! }, before);
        const shape = { flags, m, n, k, left: LEFT!, leftRow, right: RIGHT!, rightRow, outputRow, bias: 0 };
        const isDone = library.multiply({ ...shape, output: NATIVE! });
        kernels.gemm(flags, m, n, k, LEFT!, leftRow, RIGHT!, rightRow, COMPILED!, outputRow, 0, scratch);
        const after = readNumbers(memory.buffer, held);
        const wanted = isDone ? readNumbers(memory.buffer, { ...held, at: COMPILED! }) : before;
        expect(isDone || flags >= GEMM_FLAGS.leftBf16 || m === 1).toBe(true);
        for (const [index, want] of wanted.entries()) expect(Math.abs(after[index]! - want)).toBeLessThan(1e-4);
      }),
    );
  });

  test('takes no product whose output it would have to round or to add a bias to', () => {
    const product = { m: 4, n: 4, k: 4, left: LEFT!, leftRow: 4, right: RIGHT!, rightRow: 4, outputRow: 4 };
    const refused = (flags: number, bias: number): boolean =>
      !library.multiply({ ...product, output: NATIVE!, flags, bias });
    expect(refused(GEMM_FLAGS.outputBf16, 0)).toBe(true);
    expect(refused(0, COMPILED!)).toBe(true);
    expect(refused(GEMM_FLAGS.leftBf16, 0)).toBe(true);
  });
});
