/** The compiled kernels of each variant on a memory of their own. */
import type { Kernels, KernelVariant, SharedMemory } from '../../src/kernels/wasm/module.ts';
import { loadKernels, RESERVED_BYTES } from '../../src/kernels/wasm/module.ts';

declare const WebAssembly: {
  readonly Memory: new (pages: { initial: number; maximum: number; shared: true }) => SharedMemory;
};
const PAGE_BYTES = 65_536;

export const KERNEL_VARIANTS: readonly KernelVariant[] = ['simd', 'relaxed'];

export interface WasmMemory {
  readonly kernels: Kernels;
  readonly memory: SharedMemory;
  /** The first byte that does not belong to the kernels. */
  readonly free: number;
}

export const wasmMemory = (variant: KernelVariant, room: number): WasmMemory => {
  const pages = Math.ceil((RESERVED_BYTES + room) / PAGE_BYTES);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  return { kernels: loadKernels(memory, variant), memory, free: RESERVED_BYTES };
};
