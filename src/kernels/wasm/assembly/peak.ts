/** The most that a core can do with vectors of four numbers, as a yardstick for the products. */
import { fusedMultiplyAdd } from './inline/fused';

/** Twelve independent chains of multiplications and additions, 96 operations a round. */
export function peakRounds(rounds: i32): f32 {
  const a = f32x4.splat(0.999);
  const b = f32x4.splat(0.001);
  let s0 = f32x4.splat(1);
  let s1 = f32x4.splat(2);
  let s2 = f32x4.splat(3);
  let s3 = f32x4.splat(4);
  let s4 = f32x4.splat(5);
  let s5 = f32x4.splat(6);
  let s6 = f32x4.splat(7);
  let s7 = f32x4.splat(8);
  let s8 = f32x4.splat(9);
  let s9 = f32x4.splat(10);
  let s10 = f32x4.splat(11);
  let s11 = f32x4.splat(12);
  for (let i = 0; i < rounds; i++) {
    s0 = fusedMultiplyAdd(s0, a, b);
    s1 = fusedMultiplyAdd(s1, a, b);
    s2 = fusedMultiplyAdd(s2, a, b);
    s3 = fusedMultiplyAdd(s3, a, b);
    s4 = fusedMultiplyAdd(s4, a, b);
    s5 = fusedMultiplyAdd(s5, a, b);
    s6 = fusedMultiplyAdd(s6, a, b);
    s7 = fusedMultiplyAdd(s7, a, b);
    s8 = fusedMultiplyAdd(s8, a, b);
    s9 = fusedMultiplyAdd(s9, a, b);
    s10 = fusedMultiplyAdd(s10, a, b);
    s11 = fusedMultiplyAdd(s11, a, b);
  }
  const low = f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3));
  const middle = f32x4.add(f32x4.add(s4, s5), f32x4.add(s6, s7));
  const high = f32x4.add(f32x4.add(s8, s9), f32x4.add(s10, s11));
  return f32x4.extract_lane(f32x4.add(low, f32x4.add(middle, high)), 0);
}
