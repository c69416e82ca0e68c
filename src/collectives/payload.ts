/** What a collective combines, and among whom: all that its costs depend on besides the algorithm and the links. */
import type { Dtype } from '../kernels/dtype.ts';
import { DTYPE_BYTES } from '../kernels/dtype.ts';
import type { Bytes } from '../units/quantity.ts';
import { bytes } from '../units/quantity.ts';
import type { GroupShape } from './group-shape.ts';

export interface Payload {
  readonly group: GroupShape;
  /** Of the whole: what an all-reduce sums, an all-gather fills, a reduce-scatter uses up, the others send. */
  readonly elements: number;
  readonly dtype: Dtype;
  /** Of an all-to-all in parts of their own: what this rank has for each member. Absent: nearly equal segments. */
  readonly sent?: readonly number[];
}

export const bytesOf = (elements: number, dtype: Dtype): Bytes => bytes(elements * DTYPE_BYTES[dtype]);
