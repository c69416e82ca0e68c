/** Bytes a second between ranks: messages of 1 MB, and what a ring all-reduce moves over each link, beside a plain copy. */
import { bestRoundOf } from './crew.mjs';

const MEGABYTE = 2 ** 20;

/** All of `size` bytes from one place to another in one thread, which no transport can beat. */
const copy = (size) => {
  const [from, to] = [new Float32Array(size / 4).fill(1), new Float32Array(size / 4)];
  return () => {
    to.set(from);
    return size;
  };
};

const stream = (size, { rounds, burst }) => {
  const job = { kind: 'stream', elements: size / 4, rounds, burst };
  return async () => ({ items: burst * size, nanoseconds: await bestRoundOf(job, 2) });
};

/** Bus bandwidth, as NCCL's tests define it: each of n ranks must send 2 (n - 1) / n of the tensor. */
const allReduce = (size, { ranks, rounds }) => {
  const job = { kind: 'all-reduce', elements: size / 4, rounds };
  return async () => ({
    items: (size * 2 * (ranks - 1)) / ranks,
    nanoseconds: await bestRoundOf(job, ranks),
  });
};

export const bench = {
  subject: 'transport',
  item: 'byte',
  figure: 'rate',
  rounds: 5,
  cases: {
    'copy of 1 MiB': copy(MEGABYTE),
    'copy of 16 MiB': copy(16 * MEGABYTE),
    'messages of 1 MiB': stream(MEGABYTE, { rounds: 100, burst: 16 }),
    'messages of 16 MiB': stream(16 * MEGABYTE, { rounds: 30, burst: 4 }),
    'all-reduce of 64 KiB, 2 ranks': allReduce(MEGABYTE / 16, { ranks: 2, rounds: 500 }),
    'all-reduce of 1 MiB, 2 ranks': allReduce(MEGABYTE, { ranks: 2, rounds: 200 }),
    'all-reduce of 16 MiB, 2 ranks': allReduce(16 * MEGABYTE, { ranks: 2, rounds: 60 }),
    'all-reduce of 16 MiB, 4 ranks': allReduce(16 * MEGABYTE, { ranks: 4, rounds: 20 }),
  },
};
