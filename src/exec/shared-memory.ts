/** Memory that threads share and kernels compute on. */
import { THREAD_MEMORY_MAX } from '../scenario/machine.ts';

/** A `WebAssembly.Memory` that is shared. */
export interface SharedMemory {
  /** Another one once the memory has grown; the old one shows the same bytes. */
  readonly buffer: ArrayBufferLike;
  /** Throws a RangeError when there is no more. `grow(0)` shows what other threads have added. */
  grow(pages: number): number;
}

// The compiler knows WebAssembly only together with a browser, which we do not want it to believe in.
declare const WebAssembly: {
  readonly Memory: new (description: { initial: number; maximum: number; shared: true }) => SharedMemory;
};

export const PAGE = 65_536;
/** Little at first, `limit` bytes at most. */
export const sharedMemory = (limit: number = THREAD_MEMORY_MAX): SharedMemory =>
  new WebAssembly.Memory({ initial: 2, maximum: Math.max(2, Math.floor(limit / PAGE)), shared: true });
