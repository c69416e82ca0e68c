/** Copies that lay elements out anew: the runs of elements they are made of, and what they cost. */
import type { Dtype } from '../kernels/dtype.ts';
import type { Columns } from '../kernels/op/positions.ts';
import type { Copy, Run } from '../kernels/op/routing.ts';

/** Every element that is written is read once, or as often as it is repeated. */
export const layOut = (
  dtype: Dtype,
  { read, written, runs }: { read: number; written: number; runs: readonly Run[] },
): Copy => ({ kind: 'copy', read, written, runs, dtype });

/** `length` elements in a row. */
export const flatRun = (
  length: number,
  { from = 0, to = 0, fromStart = 0, toStart = 0 }: Partial<Pick<Run, 'from' | 'to' | 'fromStart' | 'toStart'>> = {},
): Run => ({
  from,
  to,
  fromStart,
  toStart,
  run: length,
  counts: [1, 1, 1],
  fromStrides: [0, 0, 0],
  toStrides: [0, 0, 0],
});

/** `width` columns of `rows` rows. */
export const columnsRun = (
  { rows, width }: { rows: number; width: number },
  { from, to }: { from: Columns; to: Columns },
): Run => ({
  from: from.tensor,
  to: to.tensor,
  fromStart: from.start,
  toStart: to.start,
  run: width,
  counts: [rows, 1, 1],
  fromStrides: [from.stride, 0, 0],
  toStrides: [to.stride, 0, 0],
});

/** A copy of one tensor. */
export const copyOf = (elements: number, dtype: Dtype): Copy =>
  layOut(dtype, { read: elements, written: elements, runs: [flatRun(elements)] });

/** Tensors of so many elements, one behind another in one. */
export const concatenation = (lengths: readonly number[], dtype: Dtype): Copy => {
  let toStart = 0;
  const runs = lengths.map((length, from) => {
    const run = flatRun(length, { from, toStart });
    toStart += length;
    return run;
  });
  return layOut(dtype, { read: toStart, written: toStart, runs });
};
