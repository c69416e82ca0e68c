/** Stand-ins in fp32 for operands that kernels do not compute on as they stand. */
import type { Operand } from '../backend.ts';
import type { Dtype } from '../dtype.ts';
import { narrow, widen } from './copy-operations.ts';
import type { Format } from './element-kernels.ts';
import type { Kernels } from './module.ts';
import type { Role } from './operation.ts';
import { lengthOf } from './operation.ts';

/** Whole numbers are no fp32, but nothing computes on them either: they are counts and names of words. */
export const needsShadow = (dtype: Dtype, role: Role, format: Format): boolean => {
  if (role === 'any' || dtype === 'fp32' || dtype === 'int32' || dtype === 'uint8') return false;
  if (role === 'same') return dtype !== format;
  return role === 'fp32' || dtype !== 'bf16';
};

/** Every shadow begins at a multiple of this. */
const ALIGNMENT = 64;
export const aligned = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
export const shadowBytes = (operand: Operand): number => aligned(4 * lengthOf(operand));

/** The shadows of one operation, from byte `at` on; an operand met twice has one. */
export class Shadows {
  readonly #kernels: Kernels;
  readonly #pairs: { readonly operand: Operand; readonly shadow: Operand }[] = [];
  #at: number;

  constructor(kernels: Kernels, at: number) {
    this.#kernels = kernels;
    this.#at = at;
  }

  /** Outputs hold what they held, for what is added to them or written in part. */
  of(operand: Operand): Operand {
    const known = this.#pairs.find((pair) => pair.operand.at === operand.at && pair.operand.dtype === operand.dtype);
    if (known !== undefined) return known.shadow;
    const shadow = { dtype: 'fp32', shape: operand.shape, at: this.#at } as const;
    widen(this.#kernels, operand.dtype, { from: operand.at, to: shadow.at, elements: lengthOf(operand) });
    this.#pairs.push({ operand, shadow });
    this.#at += shadowBytes(operand);
    return shadow;
  }

  /** Rounds the shadows of outputs to what they stand for. */
  settle(outputs: readonly Operand[]): void {
    for (const { operand, shadow } of this.#pairs)
      if (outputs.some(({ at }) => at === operand.at))
        narrow(this.#kernels, operand.dtype, { from: shadow.at, to: operand.at, elements: lengthOf(operand) });
  }
}
