/** What one machine is meant to run: the bounds of every real run. */

/** Ranks, each a thread, however few the cores are. */
export const THREADS_MAX = 16;

/** Bytes that a thread can address: a page less than 4 GiB, so that every address, the one behind the last byte too, has 32 bits. */
export const THREAD_MEMORY_MAX = 65_535 * 65_536;
