/** How an operation is done with compiled kernels: in which formats it takes its operands, and what it calls. */
import type { Operand } from '../backend.ts';
import type { Op } from '../op.ts';
import type { AngleTable } from './angle-table.ts';
import type { Format, FormattedKernels } from './element-kernels.ts';
import type { Kernels, SharedMemory } from './module.ts';
import type { Multiply } from './product.ts';

/**
 * What an operand must be when the kernels meet it; one that is not is made fp32 for the time of the operation.
 *
 *     same     fp32, or bf16 if all of this role are bf16
 *     fp32     fp32, or whole numbers
 *     either   fp32 or bf16, whatever the others are
 *     any      as it stands
 */
export type Role = 'same' | 'fp32' | 'either' | 'any';

/** What operations are done with. `format` is that of the operands of role `same`. */
export interface Bench {
  readonly kernels: Kernels;
  readonly memory: SharedMemory;
  readonly format: Format;
  /** The kernels of that format. */
  readonly formatted: FormattedKernels;
  readonly inFormat: Readonly<Record<Format, FormattedKernels>>;
  /** Where the bytes begin that `scratchBytes` asked for, a multiple of 64. */
  readonly scratch: number;
  readonly multiply: Multiply;
  readonly angles: AngleTable;
}

export interface Operation<O extends Op> {
  /** Of the operand in that place; there are so many inputs. */
  readonly inputRole: (op: O, place: number, inputs: number) => Role;
  readonly outputRole: (op: O, place: number, inputs: number) => Role;
  readonly scratchBytes: (op: O, inputs: readonly Operand[], outputs: readonly Operand[]) => number;
  readonly run: (bench: Bench, op: O, inputs: readonly Operand[], outputs: readonly Operand[]) => void;
}

export const same = (): Role => 'same';
export const fp32 = (): Role => 'fp32';
export const either = (): Role => 'either';
export const any = (): Role => 'any';
export const none = (): number => 0;

export const lengthOf = ({ shape }: Pick<Operand, 'shape'>): number => {
  let length = 1;
  for (const one of shape) length *= one;
  return length;
};

/** The address of the operand in that place, counted from the end if negative. */
export const addressOf = (operands: readonly Operand[], place: number): number => operandAt(operands, place).at;

export const operandAt = (operands: readonly Operand[], place: number): Operand => {
  const found = operands[place < 0 ? operands.length + place : place];
  if (found === undefined) throw new TypeError(`there are ${operands.length} operands, and none in place ${place}`);
  return found;
};
