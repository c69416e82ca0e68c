/** The optimizer's arithmetic on a shard of parameters. */
import type { Dtype } from '../dtype.ts';
import { DTYPE_BYTES } from '../dtype.ts';
import { bytes, flops } from '../../units/quantity.ts';
import type { OpCost } from './cost.ts';

/** AdamW on `elements` parameters (Loshchilov and Hutter 2019). */
export interface Adam {
  readonly kind: 'adam';
  readonly elements: number;
  readonly gradient: Dtype;
  readonly weight: Dtype;
  /** True when an fp32 master copy is updated and the weight is rounded from it. */
  readonly master: boolean;
  /** On the host it is bound by the host's memory, as on the card by the card's. */
  readonly on: 'card' | 'host';
}
/** Reads the gradient, reads and writes the weight (or master) and both moments in fp32, writes the rounded weight. */
export const adamCost = ({ elements, gradient, weight, master }: Adam): OpCost => ({
  flops: flops(14 * elements),
  traffic: bytes(elements * (DTYPE_BYTES[gradient] + 6 * DTYPE_BYTES.fp32 + (master ? DTYPE_BYTES[weight] : 0))),
});

/** Sum of squares of the gradients, for clipping by the global norm. */
export interface SquaredNorm {
  readonly kind: 'squared-norm';
  readonly elements: number;
  readonly dtype: Dtype;
}
export const squaredNormCost = ({ elements, dtype }: SquaredNorm): OpCost => ({
  flops: flops(2 * elements),
  traffic: bytes(elements * DTYPE_BYTES[dtype]),
});
