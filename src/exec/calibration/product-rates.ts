/** How fast products of matrices are here and now, by our own kernels and by a library of the machine's: a short look. */
import { hrtime } from 'node:process';
import { nativeGemm } from '../../kernels/native/native-gemm.ts';
import { GEMM_FLAGS, GEMM_SCRATCH_BYTES } from '../../kernels/wasm/matrix-kernels.ts';
import type { KernelVariant } from '../../kernels/wasm/module.ts';
import { fastestVariant, loadKernels, RESERVED_BYTES } from '../../kernels/wasm/module.ts';
import type { Product } from '../../kernels/wasm/product.ts';
import type { SharedMemory } from '../shared-memory.ts';
import { PAGE, sharedMemory } from '../shared-memory.ts';

/** FLOPs a second of the best of several products in one thread. */
export interface ProductRates {
  readonly variant: KernelVariant;
  readonly wasm: number;
  /** Or why there is none; bf16 is null where the library does not multiply it. */
  readonly native:
    | { readonly kind: 'library'; readonly name: string; readonly fp32: number; readonly bf16: number | null }
    | { readonly kind: 'none'; readonly reason: string };
}

/** A product of this size takes less than a millisecond, and its operands stay in caches. */
const SIDE = 256;
const ROUNDS = 40;

export const productRates = (): ProductRates => {
  const memory = sharedMemory();
  const product = productIn(memory);
  const { gemm } = loadKernels(memory);
  const byKernels = (): boolean => {
    const { flags, m, n, k, left, leftRow, right, rightRow, output, outputRow, bias } = product;
    gemm(flags, m, n, k, left, leftRow, right, rightRow, output, outputRow, bias, RESERVED_BYTES);
    return true;
  };
  const found = nativeGemm(memory);
  const native = found.gemm;
  const narrow = { ...product, flags: GEMM_FLAGS.leftBf16 | GEMM_FLAGS.rightBf16 };
  const [wasm, fp32 = null, bf16 = null] = bestRates([
    byKernels,
    ...(native === null ? [] : [() => native.multiply(product), () => native.multiply(narrow)]),
  ]);
  if (wasm === null || wasm === undefined) throw new Error('our own kernels refused a plain product');
  const variant = fastestVariant();
  if (found.gemm === null) return { variant, wasm, native: { kind: 'none', reason: found.reason } };
  if (fp32 === null)
    return { variant, wasm, native: { kind: 'none', reason: `${found.gemm.name} refused a plain product` } };
  return { variant, wasm, native: { kind: 'library', name: found.gemm.name, fp32, bf16 } };
};

const productIn = (memory: SharedMemory): Product => {
  const bytes = 4 * SIDE * SIDE;
  const start = RESERVED_BYTES + Math.ceil(GEMM_SCRATCH_BYTES / PAGE) * PAGE;
  memory.grow(Math.ceil((start + 3 * bytes) / PAGE));
  // Half in fp32; as bf16 the same bits are numbers about as ordinary.
  new Float32Array(memory.buffer, start, 2 * SIDE * SIDE).fill(0.5);
  const rows = { m: SIDE, n: SIDE, k: SIDE, leftRow: SIDE, rightRow: SIDE, outputRow: SIDE };
  return { ...rows, flags: 0, left: start, right: start + bytes, output: start + 2 * bytes, bias: 0 };
};

/** In turn, so that whatever else runs here slows all of them alike; null for who answers that it cannot. */
const bestRates = (multiplies: readonly (() => boolean)[]): readonly (number | null)[] => {
  const best = multiplies.map(() => Infinity);
  for (let round = 0; round < ROUNDS; round++)
    for (const [index, multiply] of multiplies.entries()) {
      const start = hrtime.bigint();
      const isDone = multiply();
      const seconds = Number(hrtime.bigint() - start) / 1e9;
      if (isDone) best[index] = Math.min(best[index]!, seconds);
    }
  return best.map((seconds) => (seconds === Infinity ? null : (2 * SIDE ** 3) / seconds));
};
