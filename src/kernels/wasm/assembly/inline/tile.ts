/**
 * The product that all matrix kernels are made of: 4 rows by 8 columns, held in registers over the whole depth. Wider or
 * unrolled ones spill: V8 has 15 vector registers to give.
 */
import { fusedMultiplyAdd } from './fused';

/** Rows of the left panel and columns of the right one; a left panel stands as [depth, 4], a right one as [depth, 8]. */
export const TILE_ROWS: i32 = 4;
export const TILE_COLUMNS: i32 = 8;

/** output [4, 8] = left x right, or is added to when `adds`; `outputRow` counts bytes. */
export function multiplyTile(depth: i32, left: usize, right: usize, output: usize, outputRow: usize, adds: bool): void {
  let c00 = f32x4.splat(0);
  let c01 = f32x4.splat(0);
  let c10 = f32x4.splat(0);
  let c11 = f32x4.splat(0);
  let c20 = f32x4.splat(0);
  let c21 = f32x4.splat(0);
  let c30 = f32x4.splat(0);
  let c31 = f32x4.splat(0);
  const end = left + ((<usize>depth) << 4);
  while (left < end) {
    const b0 = v128.load(right);
    const b1 = v128.load(right, 16);
    let a = v128.load32_splat(left);
    c00 = fusedMultiplyAdd(a, b0, c00);
    c01 = fusedMultiplyAdd(a, b1, c01);
    a = v128.load32_splat(left, 4);
    c10 = fusedMultiplyAdd(a, b0, c10);
    c11 = fusedMultiplyAdd(a, b1, c11);
    a = v128.load32_splat(left, 8);
    c20 = fusedMultiplyAdd(a, b0, c20);
    c21 = fusedMultiplyAdd(a, b1, c21);
    a = v128.load32_splat(left, 12);
    c30 = fusedMultiplyAdd(a, b0, c30);
    c31 = fusedMultiplyAdd(a, b1, c31);
    left += 16;
    right += 32;
  }
  storeRow(output, c00, c01, adds);
  output += outputRow;
  storeRow(output, c10, c11, adds);
  output += outputRow;
  storeRow(output, c20, c21, adds);
  output += outputRow;
  storeRow(output, c30, c31, adds);
}

function storeRow(at: usize, low: v128, high: v128, adds: bool): void {
  v128.store(at, adds ? f32x4.add(v128.load(at), low) : low);
  v128.store(at, adds ? f32x4.add(v128.load(at, 16), high) : high, 16);
}
