/** The bytes of stored floating-point numbers, to fp32 and back. Every narrower number is an fp32 number, so that reading is exact. */
import type { Dtype } from '../../kernels/dtype.ts';
import { readNumbers, writeNumbers } from '../../kernels/number-format.ts';
import type { ElementType } from './safetensors.ts';

export type FloatType = 'F32' | 'BF16' | 'F16';

const DTYPES = { F32: 'fp32', BF16: 'bf16', F16: 'fp16' } as const satisfies Record<FloatType, Dtype>;
const FLOAT_TYPES: Partial<Record<Dtype, FloatType>> = { fp32: 'F32', bf16: 'BF16', fp16: 'F16' };

/** How parameters and their optimizer states of that format are stored. */
export const floatTypeOf = (dtype: Dtype): FloatType => {
  const type = FLOAT_TYPES[dtype];
  if (type === undefined) throw new RangeError(`${dtype} is not stored: wanted fp32, bf16 or fp16`);
  return type;
};
export const isFloatType = (type: ElementType): type is FloatType => Object.hasOwn(DTYPES, type);

/** `bytes` begin where a typed array of them may begin: at a multiple of 4. */
export const toFloats = (bytes: Uint8Array, type: FloatType): Float32Array => {
  const { buffer, byteOffset: at, byteLength } = bytes;
  if (type === 'F32') return new Float32Array(buffer, at, byteLength / 4);
  if (type === 'BF16') return fromBrain(new Uint16Array(buffer, at, byteLength / 2));
  return Float32Array.from(readNumbers(buffer, { dtype: DTYPES[type], at, length: byteLength / 2 }));
};

/** bf16 is the upper half of fp32, which is worth knowing where there are millions. */
const fromBrain = (codes: Uint16Array): Float32Array => {
  const words = new Uint32Array(codes.length);
  for (let i = 0; i < codes.length; i += 1) words[i] = codes[i]! << 16;
  return new Float32Array(words.buffer);
};

/** Rounded to nearest, ties to even; what is beyond the largest number becomes infinite. */
export const fromFloats = (floats: Float32Array, type: FloatType): Uint8Array => {
  if (type === 'F32') return new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength);
  const bytes = new Uint8Array(floats.length * 2);
  writeNumbers(bytes.buffer, { dtype: DTYPES[type], at: 0, length: floats.length }, floats);
  return bytes;
};
