/** What one operation asks of a card, whatever the card. */
import type { Dtype } from '../dtype.ts';
import { DTYPE_BYTES } from '../dtype.ts';
import type { Bytes, Flops } from '../../units/quantity.ts';
import { bytes, flops } from '../../units/quantity.ts';

/** Rows of a time table that operations belong to. */
export type OpClass = 'matrix' | 'attention' | 'vector' | 'optimizer';

export interface OpCost {
  readonly flops: Flops;
  /** Bytes read from and written to device memory when every tensor passes once. */
  readonly traffic: Bytes;
}

/** A cost from element counts of one dtype. */
export const elementCost = (dtype: Dtype, work: { flops: number; read: number; written: number }): OpCost => ({
  flops: flops(work.flops),
  traffic: bytes((work.read + work.written) * DTYPE_BYTES[dtype]),
});
