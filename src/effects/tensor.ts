/** What programs compute on and send: a shape, a number format and a place in memory, which only `exec/` really has. */
import type { Dtype } from '../kernels/dtype.ts';
import { DTYPE_BYTES } from '../kernels/dtype.ts';
import type { Purpose } from '../memory/purpose.ts';
import type { BlockId } from '../units/identity.ts';
import type { Bytes } from '../units/quantity.ts';
import { bytes } from '../units/quantity.ts';

/** A run of bytes that was allocated as one. `at` is where they begin in the rank's memory, null wherever nothing is computed. */
export interface Block {
  readonly id: BlockId;
  readonly size: Bytes;
  readonly purpose: Purpose;
  readonly at: number | null;
}

/** A tensor, or a contiguous part of one, from element `offset` of its block. */
export interface Tensor {
  readonly shape: readonly number[];
  readonly dtype: Dtype;
  readonly block: Block;
  readonly offset: number;
}

export const elementsOf = (tensor: Tensor): number => tensor.shape.reduce((product, length) => product * length, 1);
export const sizeOf = (tensor: Tensor): Bytes => bytes(elementsOf(tensor) * DTYPE_BYTES[tensor.dtype]);

/** The flat part of `tensor` from element `start`, `length` elements long. */
export const part = (tensor: Tensor, start: number, length: number): Tensor => ({
  shape: [length],
  dtype: tensor.dtype,
  block: tensor.block,
  offset: tensor.offset + start,
});

/** Where segment `index` of `count` nearly equal segments of `length` elements starts; segment sizes differ by at most 1. */
export const segmentStart = (length: number, count: number, index: number): number =>
  Math.floor((length * index) / count);

export const segmentLength = (length: number, count: number, index: number): number =>
  segmentStart(length, count, index + 1) - segmentStart(length, count, index);

/** Elements of the longest of `count` nearly equal segments. */
export const segmentLengthMax = (length: number, count: number): number => Math.ceil(length / count);

/** Segment `index` of `count` nearly equal segments of `tensor`. */
export const segmentOf = (tensor: Tensor, count: number, index: number): Tensor => {
  const length = elementsOf(tensor);
  return part(tensor, segmentStart(length, count, index), segmentLength(length, count, index));
};
