/** What computes operations for real: one interface, whoever does the arithmetic. */
import type { Dtype } from './dtype.ts';
import type { Op } from './op.ts';

/** A tensor in the backend's memory: its elements stand in rows from byte `at` on. */
export interface Operand {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly at: number;
}

/**
 * Runs operations on one memory, each complete when `run` returns. Inputs and outputs are those that the operation's
 * interface names, in that order; an output may be an input too where the interface says so. A backend rounds what it
 * stores to the operand's format, to the nearest, ties to even; what it computes in between is at least fp32.
 */
export interface Backend {
  readonly name: string;
  run(op: Op, inputs: readonly Operand[], outputs: readonly Operand[]): void;
}
