/** The optimizer's arithmetic on a shard of parameters. */
import type { Dtype } from '../dtype.ts';
import { DTYPE_BYTES } from '../dtype.ts';
import { bytes, flops } from '../../units/quantity.ts';
import type { OpCost } from './cost.ts';

/** How far a step goes: the learning rate, and AdamW's constants (Loshchilov and Hutter 2019). */
export interface AdamRates {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  /** Number of the step, from 1: moments are divided by 1 - beta^step. */
  readonly step: number;
}

/**
 * AdamW on `elements` parameters (Loshchilov and Hutter 2019), in n pieces:
 *
 *     [n gradients, factor [1]] -> [n weights, n masters?, n first moments, n second moments]
 *
 * Gradients are multiplied by the factor first; a factor of 0 leaves everything as it is. A piece whose entry in `decays`
 * is false has no weight decay.
 */
export interface Adam {
  readonly kind: 'adam';
  readonly elements: number;
  readonly gradient: Dtype;
  readonly weight: Dtype;
  /** True when an fp32 master copy is updated and the weight is rounded from it. */
  readonly master: boolean;
  readonly decays: readonly boolean[];
  readonly rates: AdamRates;
  /** On the host it is bound by the host's memory, as on the card by the card's. */
  readonly on: 'card' | 'host';
}
/** Reads the gradient, reads and writes the weight (or master) and both moments in fp32, writes the rounded weight. */
export const adamCost = ({
  elements,
  gradient,
  weight,
  master,
}: Pick<Adam, 'elements' | 'gradient' | 'weight' | 'master'>): OpCost => ({
  flops: flops(14 * elements),
  traffic: bytes(elements * (DTYPE_BYTES[gradient] + 6 * DTYPE_BYTES.fp32 + (master ? DTYPE_BYTES[weight] : 0))),
});

/** The sum of the squares of all elements, [tensors] -> [sum [1] in fp32], for clipping by the global norm. */
export interface SquaredNorm {
  readonly kind: 'squared-norm';
  readonly elements: number;
  readonly dtype: Dtype;
}
export const squaredNormCost = ({ elements, dtype }: SquaredNorm): OpCost => ({
  flops: flops(2 * elements),
  traffic: bytes(elements * DTYPE_BYTES[dtype]),
});

/** w -= rate factor g: [n gradients, factor [1]] -> [n weights, n masters?]; a factor of 0 leaves everything as it is. */
export interface Descent {
  readonly kind: 'descent';
  readonly elements: number;
  readonly gradient: Dtype;
  readonly weight: Dtype;
  readonly master: boolean;
  readonly learningRate: number;
}
export const descentCost = ({ elements, gradient, weight, master }: Descent): OpCost => ({
  flops: flops(2 * elements),
  traffic: bytes(
    elements *
      (DTYPE_BYTES[gradient] + (master ? 2 * DTYPE_BYTES.fp32 + DTYPE_BYTES[weight] : 2 * DTYPE_BYTES[weight])),
  ),
});

/**
 * What gradients are multiplied by before a step: [sum of squares [1]] -> [factor [1]], where the gradients are `scale`
 * times too large: 1 / scale, or less, so that their norm is at most `norm` (null: no limit); 0 if the sum is not finite.
 * Without a limit and at a scale of 1 it is 1 whatever the sum: nobody has added it up over the ranks, and all must do alike.
 */
export interface ClipFactor {
  readonly kind: 'clip-factor';
  readonly norm: number | null;
  readonly scale: number;
}
export const clipFactorCost = (): OpCost => ({ flops: flops(3), traffic: bytes(2 * DTYPE_BYTES.fp32) });

/** Writes one value everywhere, [] -> [tensors]. */
export interface Fill {
  readonly kind: 'fill';
  readonly value: number;
  readonly elements: number;
  readonly dtype: Dtype;
}
export const fillCost = ({ elements, dtype }: Fill): OpCost => ({
  flops: flops(0),
  traffic: bytes(elements * DTYPE_BYTES[dtype]),
});
