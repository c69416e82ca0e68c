/** The compiled kernels: chosen by what the runtime knows, and set to work on a memory. */
import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import type { ElementKernels } from './element-kernels.ts';
import type { MatrixKernels } from './matrix-kernels.ts';
import type { RoutingKernels } from './routing-kernels.ts';

/** The first bytes of every memory belong to the module: its constants stand there. */
export const RESERVED_BYTES = 16_384;

/** A memory that several threads share: a `WebAssembly.Memory`. */
export interface SharedMemory {
  readonly buffer: ArrayBufferLike;
}

/** Every kernel works on bytes of the memory by their addresses and trusts what it is told. */
export interface Kernels extends MatrixKernels, ElementKernels, RoutingKernels {}

/** `relaxed` has fused multiply-adds, which not every runtime knows. */
export type KernelVariant = 'simd' | 'relaxed';

// The compiler knows WebAssembly only together with a browser, which we do not want it to believe in.
declare const WebAssembly: {
  readonly validate: (bytes: Uint8Array) => boolean;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (
    module: object,
    imports: { readonly env: { readonly memory: SharedMemory } },
  ) => { readonly exports: unknown };
};

/** src/kernels/wasm and dist/kernels/wasm lie equally deep. */
const binary = (variant: KernelVariant): Uint8Array =>
  readFileSync(new URL(`../../../dist/kernels/wasm/${variant}.wasm`, import.meta.url));

/** The fastest variant that this runtime takes. */
export const fastestVariant = (): KernelVariant => (isKnown('relaxed') ? 'relaxed' : 'simd');

const isKnown = (variant: KernelVariant): boolean => {
  const bytes = binary(variant);
  if (WebAssembly.validate(bytes)) return true;
  // Node 20 knows relaxed SIMD but keeps it behind a flag; a V8 that does not know the flag leaves it alone.
  setFlagsFromString('--experimental-wasm-relaxed-simd');
  return WebAssembly.validate(bytes);
};

/** The kernels on a memory, of the fastest variant unless one is named, which the runtime must know. */
export const loadKernels = (memory: SharedMemory, variant: KernelVariant = fastestVariant()): Kernels => {
  if (!isKnown(variant)) throw new Error(`this runtime cannot run ${variant} SIMD: node 20.19 or later was wanted`);
  const module = new WebAssembly.Module(binary(variant));
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the build and the conformance suite hold it to be so
  return new WebAssembly.Instance(module, { env: { memory } }).exports as Kernels;
};
