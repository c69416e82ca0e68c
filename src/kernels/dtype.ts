/** Element types and their sizes. */
export const DTYPE_BYTES = { fp32: 4, int32: 4, bf16: 2, fp16: 2, fp8: 1, fp4: 0.5, uint8: 1 } as const;
export type Dtype = keyof typeof DTYPE_BYTES;
