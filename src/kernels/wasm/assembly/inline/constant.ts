/** A number that stands in memory, in all four lanes: one load, where a constant in the code may be made anew at each use. */
export function constant(at: usize): v128 {
  return v128.load32_splat(at);
}
