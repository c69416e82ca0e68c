/** Lays operands out as panels, widened to fp32: what a tile reads stands in a row, and missing lanes are zeros. */
import { read1, read4, readSome } from './inline/format';
import { storeTransposed } from './inline/transpose';

/**
 * Four lanes of a panel from rows that stand along the lanes: element (step, lane) is read at `from + step row + lane`.
 * `row` counts elements, `step` bytes of the panel, `count` the lanes that exist.
 */
export function packAlong<T>(from: usize, row: i32, count: i32, depth: i32, to: usize, step: usize): void {
  const rowBytes = <usize>row * sizeof<T>();
  if (count >= 4) {
    for (let i = 0; i < depth; i++) {
      v128.store(to, read4<T>(from));
      from += rowBytes;
      to += step;
    }
  } else {
    for (let i = 0; i < depth; i++) {
      v128.store(to, count > 0 ? readSome<T>(from, count) : f32x4.splat(0));
      from += rowBytes;
      to += step;
    }
  }
}

/** Two panels of eight lanes from rows along them: a line of the cache is read once, also where rows share few of its sets. */
export function packTwoPanels<T>(from: usize, row: i32, depth: i32, to: usize, panel: usize): void {
  const rowBytes = <usize>row * sizeof<T>();
  for (let i = 0; i < depth; i++) {
    v128.store(to, read4<T>(from));
    v128.store(to, read4<T>(from + 4 * sizeof<T>()), 16);
    v128.store(to + panel, read4<T>(from + 8 * sizeof<T>()));
    v128.store(to + panel, read4<T>(from + 12 * sizeof<T>()), 16);
    from += rowBytes;
    to += 32;
  }
}

/** Four lanes of a panel from rows that stand across them: element (step, lane) is read at `from + lane row + step`. */
export function packAcross<T>(from: usize, row: i32, count: i32, depth: i32, to: usize, step: usize): void {
  const rowBytes = <usize>row * sizeof<T>();
  let i = 0;
  if (count >= 4) {
    for (; i + 4 <= depth; i += 4) {
      const r0 = read4<T>(from);
      const r1 = read4<T>(from + rowBytes);
      const r2 = read4<T>(from + 2 * rowBytes);
      const r3 = read4<T>(from + 3 * rowBytes);
      storeTransposed(to, step, r0, r1, r2, r3);
      from += 4 * sizeof<T>();
      to += 4 * step;
    }
  }
  for (; i < depth; i++) {
    v128.store(to, f32x4.splat(0));
    for (let lane = 0; lane < min(count, 4); lane++)
      store<f32>(to + ((<usize>lane) << 2), read1<T>(from + <usize>lane * rowBytes));
    from += sizeof<T>();
    to += step;
  }
}
