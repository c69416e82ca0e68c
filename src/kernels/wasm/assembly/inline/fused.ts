/** Multiply and add, fused where the module is built for it. */

/** a b + c on four numbers: rounded once with relaxed SIMD on machines that can, twice everywhere else. */
export function fusedMultiplyAdd(a: v128, b: v128, c: v128): v128 {
  return ASC_FEATURE_RELAXED_SIMD ? f32x4.relaxed_madd(a, b, c) : f32x4.add(f32x4.mul(a, b), c);
}
