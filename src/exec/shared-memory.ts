/** Memory that threads share and kernels compute on. */

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
/** A page less than 4 GiB, so that every address, the one behind the last byte too, has 32 bits. */
export const BYTES_MAX = 65_535 * PAGE;

/** Little at first, `limit` bytes at most. */
export const sharedMemory = (limit: number = BYTES_MAX): SharedMemory =>
  new WebAssembly.Memory({ initial: 2, maximum: Math.max(2, Math.floor(limit / PAGE)), shared: true });
