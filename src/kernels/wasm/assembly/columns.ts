/** Eight vectors side by side: one number of each in a row of memory. */
import { rowsOf4, rowsOf8 } from './inline/attention-call';
import { write4, writeSome } from './inline/format';
import { storeTransposed } from './inline/transpose';

/** Multiplies each vector by its own number. */
export function scaleRows(at: usize, rows: i32, low: v128, high: v128): void {
  const end = at + rowsOf8(rows);
  for (; at < end; at += 32) {
    v128.store(at, f32x4.mul(v128.load(at), low));
    v128.store(at, f32x4.mul(v128.load(at, 16), high), 16);
  }
}

/** Columns of [width, 8] become the first `count` rows at `to`, by way of 64 bytes at `corner`; `toRow` counts elements. */
export function writeColumns<T>(from: usize, width: i32, count: i32, to: usize, toRow: i32, corner: usize): void {
  for (let e = 0; e < width; e += 4) {
    for (let half = 0; half < count; half += 4) {
      const at = from + ((<usize>half) << 2);
      storeTransposed(corner, 16, v128.load(at), v128.load(at, 32), v128.load(at, 64), v128.load(at, 96));
      for (let lane = 0; lane < min(4, count - half); lane++) {
        const row = to + <usize>((half + lane) * toRow + e) * sizeof<T>();
        const values = v128.load(corner + rowsOf4(lane));
        if (e + 4 <= width) write4<T>(row, values);
        else writeSome<T>(row, values, width - e);
      }
    }
    from += 128;
  }
}
