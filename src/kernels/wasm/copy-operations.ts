/** Copies with compiled kernels: in another order, in another format, and of nothing. */
import type { Dtype } from '../dtype.ts';
import { DTYPE_BYTES } from '../dtype.ts';
import { writeNumbers } from '../number-format.ts';
import type { Fill } from '../op/adam.ts';
import type { Cast } from '../op/element-wise.ts';
import type { Copy } from '../op/routing.ts';
import type { Kernels } from './module.ts';
import type { Operation } from './operation.ts';
import { addressOf, any, lengthOf, none } from './operation.ts';

export const copy: Operation<Copy> = {
  inputRole: any,
  outputRole: any,
  scratchBytes: none,
  run: ({ kernels }, { runs, dtype }, inputs, outputs) => {
    const size = DTYPE_BYTES[dtype];
    for (const { from, to, fromStart, toStart, run, counts, fromStrides, toStrides } of runs)
      kernels.copyRuns(
        addressOf(inputs, from) + fromStart * size,
        addressOf(outputs, to) + toStart * size,
        run * size,
        counts[0],
        counts[1],
        counts[2],
        fromStrides[0] * size,
        fromStrides[1] * size,
        fromStrides[2] * size,
        toStrides[0] * size,
        toStrides[1] * size,
        toStrides[2] * size,
      );
  },
};

/** Zero is zero bits in every format; any other number is written once and then copied, twice as many of it each time. */
export const fill: Operation<Fill> = {
  inputRole: any,
  outputRole: any,
  scratchBytes: none,
  run: ({ kernels, memory }, { value }, _, outputs) => {
    for (const { dtype, at, shape } of outputs) {
      const size = DTYPE_BYTES[dtype];
      const bytes = lengthOf({ shape }) * size;
      if (Object.is(value, 0)) kernels.zero(at, bytes);
      else if (bytes > 0) {
        writeNumbers(memory.buffer, { dtype, at, length: 1 }, [value]);
        for (let done = size; done < bytes; done *= 2) kernels.copyBytes(at, at + done, Math.min(done, bytes - done));
      }
    }
  },
};

/** Between two formats of which neither is fp32 the input is made fp32 first, which loses nothing. */
export const cast: Operation<Cast> = {
  inputRole: ({ from, to }) => (from === to || to === 'fp32' ? 'any' : 'fp32'),
  outputRole: any,
  scratchBytes: none,
  run: ({ kernels }, { elements, from, to }, inputs, outputs) => {
    const [source, target] = [addressOf(inputs, 0), addressOf(outputs, 0)];
    if (from === to) kernels.copyBytes(source, target, elements * DTYPE_BYTES[to]);
    else if (to === 'fp32') widen(kernels, from, { from: source, to: target, elements });
    else narrow(kernels, to, { from: source, to: target, elements });
  },
};

/** Elements at one address that are to stand at another in another format. */
interface Conversion {
  readonly from: number;
  readonly to: number;
  readonly elements: number;
}

/** Makes fp32 of elements in `dtype`. */
export const widen = (kernels: Kernels, dtype: Dtype, { from, to, elements }: Conversion): void => {
  if (dtype === 'bf16') kernels.fp32FromBf16(from, to, elements);
  else if (dtype === 'fp16') kernels.fp32FromFp16(from, to, elements);
  else throw new TypeError(`nothing computes on ${dtype}: bf16 or fp16 was wanted`);
};

/** Rounds fp32 to `dtype`. */
export const narrow = (kernels: Kernels, dtype: Dtype, { from, to, elements }: Conversion): void => {
  if (dtype === 'bf16') kernels.bf16FromFp32(from, to, elements);
  else if (dtype === 'fp16') kernels.fp16FromFp32(from, to, elements);
  else throw new TypeError(`nothing computes on ${dtype}: bf16 or fp16 was wanted`);
};
