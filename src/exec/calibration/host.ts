/** What the machine says of itself, and how fast its memory is. */
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import process, { hrtime } from 'node:process';

export interface Host {
  readonly processor: string;
  readonly cores: number;
  /** That this process may have, in bytes. */
  readonly memory: number;
}

export const hostOf = (): Host => {
  // A container may have less than its machine; 0 and numbers beyond the machine mean that there is no such limit.
  const limit = process.constrainedMemory();
  return {
    processor: cpus()[0]?.model.trim() ?? 'unknown processor',
    cores: availableParallelism(),
    memory: limit > 0 && limit < totalmem() ? limit : totalmem(),
  };
};

/** Programs that want to run, on average over the last minute. */
export const loadNow = (): number => loadavg()[0] ?? 0;

/** More than caches hold. */
const COPIED_BYTES = 2 ** 27;
const COPIES = 8;

/** Seconds of each of several copies of `bytes` bytes from one place in memory to another, in one thread. */
export const timeCopies = (): { readonly bytes: number; readonly seconds: readonly number[] } => {
  const from = new Float64Array(COPIED_BYTES / 8).fill(1);
  const to = new Float64Array(COPIED_BYTES / 8).fill(2);
  const seconds = Array.from({ length: COPIES }, () => {
    const start = hrtime.bigint();
    to.set(from);
    return Number(hrtime.bigint() - start) / 1e9;
  });
  return { bytes: COPIED_BYTES, seconds };
};
