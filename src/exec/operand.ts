/** Where a tensor lies in its rank's memory. */
import type { Block, Tensor } from '../effects/tensor.ts';
import type { Operand } from '../kernels/backend.ts';
import { DTYPE_BYTES } from '../kernels/dtype.ts';

/** What a backend, a file or a transport is told of a tensor. */
export const operandOf = ({ shape, dtype, block, offset }: Tensor): Operand => ({
  shape,
  dtype,
  at: startOf(block) + offset * DTYPE_BYTES[dtype],
});

export const startOf = ({ at, id, purpose }: Block): number => {
  if (at === null) throw new TypeError(`block ${id} (${purpose}) has no bytes, and cannot be used`);
  return at;
};
