/** The backends that every operation is tried on. */
import type { Backend } from '../../src/kernels/backend.ts';
import { nativeGemm } from '../../src/kernels/native/native-gemm.ts';
import { referenceBackend } from '../../src/kernels/reference/backend.ts';
import { wasmBackend } from '../../src/kernels/wasm/backend.ts';
import type { KernelVariant, SharedMemory } from '../../src/kernels/wasm/module.ts';
import type { NativeGemm } from '../../src/kernels/wasm/product.ts';
import { wasmMemory } from '../worlds/wasm-memory.ts';

/** A backend on a memory of its own, in which operands stand from byte `from` on. */
export interface Bench {
  readonly backend: Backend;
  readonly memory: ArrayBufferLike;
  readonly from: number;
}

/** Each makes a bench with room for so many bytes of operands. */
export const CANDIDATES: Readonly<Record<string, (room: number) => Bench>> = {
  reference: (room) => {
    const memory = new SharedArrayBuffer(room);
    return { backend: referenceBackend(() => memory), memory, from: 0 };
  },
  wasm: (room) => compiled('simd', room),
  'wasm, with fused multiply-adds': (room) => compiled('relaxed', room),
  ...(nativeGemm(wasmMemory('simd', 0).memory).gemm === null
    ? {}
    : { 'wasm, with products by a library': (room: number) => compiled('simd', room, nativeGemm) }),
};

/** Behind the operands lies the scratch of one operation. */
const SCRATCH = 1 << 23;
const compiled = (
  variant: KernelVariant,
  room: number,
  library: (memory: SharedMemory) => { readonly gemm: NativeGemm | null } = () => ({ gemm: null }),
): Bench => {
  const { kernels, memory, free } = wasmMemory(variant, room + SCRATCH);
  const workspace = {
    reserve: (bytes: number): number => {
      if (bytes > SCRATCH) throw new RangeError(`${bytes} bytes of scratch were wanted, of ${SCRATCH}`);
      return free + room;
    },
  };
  return {
    backend: wasmBackend({ memory, kernels, workspace, native: library(memory).gemm }),
    memory: memory.buffer,
    from: free,
  };
};
