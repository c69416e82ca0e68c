/** Matrix products by the machine's own library, on the memory that the kernels work on: found, never required. */
import { GEMM_FLAGS } from '../wasm/matrix-kernels.ts';
import type { SharedMemory } from '../wasm/module.ts';
import type { NativeGemm, Product } from '../wasm/product.ts';
import { cblas } from './cblas.ts';
import type { Foreign } from './foreign.ts';
import { foreign } from './foreign.ts';
import type { NativeLibrary } from './native-library.ts';
import { oneDnn } from './one-dnn.ts';

/** Tried in this order: oneDNN is the fastest and multiplies bf16 too. */
const LIBRARIES: readonly ((foreign: Foreign) => NativeLibrary | null)[] = [oneDnn, cblas];

export type NativeChoice = { readonly gemm: NativeGemm } | { readonly gemm: null; readonly reason: string };

/** Products on a memory by the best library of the machine, or why there are none. Each thread asks for itself. */
export const nativeGemm = (memory: SharedMemory, libraries = LIBRARIES): NativeChoice => {
  const calls = foreignOrReason();
  if (typeof calls === 'string') return { gemm: null, reason: calls };
  for (const open of libraries) {
    const library = open(calls);
    if (library !== null) return { gemm: productsOf(library, memory, calls) };
  }
  return { gemm: null, reason: 'neither oneDNN nor OpenBLAS is installed (on Debian: libdnnl2, libopenblas0-pthread)' };
};

const foreignOrReason = (): Foreign | string => {
  try {
    return foreign();
  } catch (error) {
    return `koffi, which calls native libraries, cannot be loaded: ${error instanceof Error ? error.message : String(error)}`;
  }
};

/** An address does not keep what stands there alive: whoever multiplies holds the memory too. */
interface Products extends NativeGemm {
  readonly memory: SharedMemory;
}

const productsOf = (library: NativeLibrary, memory: SharedMemory, calls: Foreign): Products => {
  // A shared memory grows in place, so that this address holds for its whole life.
  const start = calls.addressOf(new Uint8Array(memory.buffer));
  const at = (address: number): bigint => start + BigInt(address);
  return {
    name: library.name,
    memory,
    multiply: (product) => {
      const { m, n, k, left, leftRow, right, rightRow, output, outputRow, flags } = product;
      const multiply = multiplicationIn(library, product);
      if (multiply === null) return false;
      return multiply({
        m,
        n,
        k,
        leftRow,
        rightRow,
        outputRow,
        isLeftTransposed: has(flags, GEMM_FLAGS.leftTransposed),
        isRightTransposed: has(flags, GEMM_FLAGS.rightTransposed),
        beta: has(flags, GEMM_FLAGS.accumulates) ? 1 : 0,
        left: at(left),
        right: at(right),
        output: at(output),
      });
    },
  };
};

const has = (flags: number, flag: number): boolean => (flags & flag) !== 0;

/** None where the operands differ in format, or a library would have to round or to add a bias. */
const multiplicationIn = (library: NativeLibrary, { flags, bias, m, n, k }: Product): NativeLibrary['fp32'] | null => {
  if (has(flags, GEMM_FLAGS.outputBf16) || bias !== 0 || m * n * k === 0) return null;
  const isLeftBf16 = has(flags, GEMM_FLAGS.leftBf16);
  if (isLeftBf16 !== has(flags, GEMM_FLAGS.rightBf16)) return null;
  return isLeftBf16 ? library.bf16 : library.fp32;
};
