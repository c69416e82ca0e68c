/** Matrix products in fp32, blocked for the caches after Goto and van de Geijn (2008): packed panels, tiles in registers. */
import { gemv } from './gemv';
import { read4, readSome, write4, writeSome } from './inline/format';
import { packAcross, packAlong, packTwoPanels } from './pack';
import { multiplyTile, TILE_COLUMNS, TILE_ROWS } from './inline/tile';

/** As GEMM_FLAGS in src/kernels/wasm/matrix-kernels.ts. */
const LEFT_TRANSPOSED: i32 = 1;
const RIGHT_TRANSPOSED: i32 = 2;
const ACCUMULATES: i32 = 4;
const LEFT_BF16: i32 = 8;
const RIGHT_BF16: i32 = 16;
const OUTPUT_BF16: i32 = 32;
const BIAS_BF16: i32 = 64;

/** A panel of the right block stays in the first cache (8 KiB), a block of the left in the second (96 KiB). */
const BLOCK_DEPTH: i32 = 256;
const BLOCK_ROWS: i32 = 96;
const BLOCK_COLUMNS: i32 = 512;
/** With no more rows than these, packing costs more than it saves. */
const FEW_ROWS: i32 = 5;
/** Rows of an output in bf16 that are computed in fp32 at a time. */
const ROUNDED_ROWS: i32 = 128;

/** Where the parts of the scratch begin. */
const LEFT_PANELS: usize = 0;
const RIGHT_PANELS: usize = 98_304;
const EDGE: usize = 622_592;
const UNROUNDED: usize = 622_720;

/** output [m, n] = left [m, k] x right [k, n] + bias [n] a row, as the flags say; the address 0 is no bias. */
export function gemm(
  flags: i32,
  m: i32,
  n: i32,
  k: i32,
  left: usize,
  leftRow: i32,
  right: usize,
  rightRow: i32,
  output: usize,
  outputRow: i32,
  bias: usize,
  scratch: usize,
): void {
  if ((flags & OUTPUT_BF16) == 0) {
    multiply(flags, m, n, k, left, leftRow, right, rightRow, output, outputRow, scratch);
    if (bias != 0) addBias(flags, m, n, output, outputRow, bias);
    return;
  }
  const tile = scratch + UNROUNDED;
  for (let i = 0; i < m; i += ROUNDED_ROWS)
    for (let j = 0; j < n; j += BLOCK_COLUMNS) {
      const rows = min(ROUNDED_ROWS, m - i);
      const columns = min(BLOCK_COLUMNS, n - j);
      const at = output + ((<usize>(i * outputRow + j)) << 1);
      const leftAt = left + leftBytes(flags, i, 0, leftRow);
      const rightAt = right + rightBytes(flags, 0, j, rightRow);
      if (flags & ACCUMULATES) widen(at, outputRow, rows, columns, tile);
      multiply(flags, rows, columns, k, leftAt, leftRow, rightAt, rightRow, tile, BLOCK_COLUMNS, scratch);
      if (bias != 0)
        addBias(flags, rows, columns, tile, BLOCK_COLUMNS, bias + ((<usize>j) << (flags & BIAS_BF16 ? 1 : 2)));
      round(tile, rows, columns, at, outputRow);
    }
}

/** Bytes from the start of the left operand to element (i, depth). */
function leftBytes(flags: i32, i: i32, depth: i32, row: i32): usize {
  const elements = flags & LEFT_TRANSPOSED ? depth * row + i : i * row + depth;
  return (<usize>elements) << (flags & LEFT_BF16 ? 1 : 2);
}

/** Bytes from the start of the right operand to element (depth, j). */
function rightBytes(flags: i32, depth: i32, j: i32, row: i32): usize {
  const elements = flags & RIGHT_TRANSPOSED ? j * row + depth : depth * row + j;
  return (<usize>elements) << (flags & RIGHT_BF16 ? 1 : 2);
}

function multiply(
  flags: i32,
  m: i32,
  n: i32,
  k: i32,
  left: usize,
  leftRow: i32,
  right: usize,
  rightRow: i32,
  output: usize,
  outputRow: i32,
  scratch: usize,
): void {
  const adds = (flags & ACCUMULATES) != 0;
  if (k == 0 && !adds) return clear(m, n, output, outputRow);
  const rowBytes = (<usize>outputRow) << 2;
  if (m <= FEW_ROWS) {
    for (let i = 0; i < m; i++) {
      const row = left + leftBytes(flags, i, 0, leftRow);
      gemv(flags, n, k, row, leftRow, right, rightRow, output + <usize>i * rowBytes, scratch);
    }
    return;
  }
  for (let j = 0; j < n; j += BLOCK_COLUMNS) {
    const columns = min(BLOCK_COLUMNS, n - j);
    for (let d = 0; d < k; d += BLOCK_DEPTH) {
      const depth = min(BLOCK_DEPTH, k - d);
      packRight(flags, right + rightBytes(flags, d, j, rightRow), rightRow, columns, depth, scratch + RIGHT_PANELS);
      for (let i = 0; i < m; i += BLOCK_ROWS) {
        const rows = min(BLOCK_ROWS, m - i);
        packLeft(flags, left + leftBytes(flags, i, d, leftRow), leftRow, rows, depth, scratch + LEFT_PANELS);
        const corner = output + <usize>i * rowBytes + ((<usize>j) << 2);
        multiplyBlock(rows, columns, depth, corner, rowBytes, adds || d > 0, scratch);
      }
    }
  }
}

function packLeft(flags: i32, from: usize, row: i32, rows: i32, depth: i32, to: usize): void {
  for (let i = 0; i < rows; i += TILE_ROWS) {
    const at = from + leftBytes(flags, i, 0, row);
    const count = rows - i;
    if (flags & LEFT_TRANSPOSED) {
      if (flags & LEFT_BF16) packAlong<u16>(at, row, count, depth, to, 16);
      else packAlong<f32>(at, row, count, depth, to, 16);
    } else if (flags & LEFT_BF16) packAcross<u16>(at, row, count, depth, to, 16);
    else packAcross<f32>(at, row, count, depth, to, 16);
    to += (<usize>depth) << 4;
  }
}

function packRight(flags: i32, from: usize, row: i32, columns: i32, depth: i32, to: usize): void {
  const panel = (<usize>depth) << 5;
  let j = 0;
  if (!(flags & RIGHT_TRANSPOSED))
    for (; j + 2 * TILE_COLUMNS <= columns; j += 2 * TILE_COLUMNS) {
      const at = from + rightBytes(flags, 0, j, row);
      if (flags & RIGHT_BF16) packTwoPanels<u16>(at, row, depth, to, panel);
      else packTwoPanels<f32>(at, row, depth, to, panel);
      to += 2 * panel;
    }
  for (; j < columns; j += TILE_COLUMNS) {
    packHalf(flags, from + rightBytes(flags, 0, j, row), row, columns - j, depth, to);
    packHalf(flags, from + rightBytes(flags, 0, j + 4, row), row, columns - j - 4, depth, to + 16);
    to += panel;
  }
}

/** Four lanes of a right panel. */
function packHalf(flags: i32, at: usize, row: i32, count: i32, depth: i32, to: usize): void {
  if (flags & RIGHT_TRANSPOSED) {
    if (flags & RIGHT_BF16) packAcross<u16>(at, row, count, depth, to, 32);
    else packAcross<f32>(at, row, count, depth, to, 32);
  } else if (flags & RIGHT_BF16) packAlong<u16>(at, row, count, depth, to, 32);
  else packAlong<f32>(at, row, count, depth, to, 32);
}

/** All tiles of a packed block; those that hang over the edge go by way of a whole tile. */
function multiplyBlock(
  rows: i32,
  columns: i32,
  depth: i32,
  corner: usize,
  rowBytes: usize,
  adds: bool,
  scratch: usize,
): void {
  let right = scratch + RIGHT_PANELS;
  for (let j = 0; j < columns; j += TILE_COLUMNS) {
    let left = scratch + LEFT_PANELS;
    let at = corner + ((<usize>j) << 2);
    for (let i = 0; i < rows; i += TILE_ROWS) {
      if (i + TILE_ROWS <= rows && j + TILE_COLUMNS <= columns) tile(depth, left, right, at, rowBytes, adds);
      else {
        tile(depth, left, right, scratch + EDGE, TILE_COLUMNS << 2, false);
        copyEdge(scratch + EDGE, min(TILE_ROWS, rows - i), min(TILE_COLUMNS, columns - j), at, rowBytes, adds);
      }
      left += (<usize>depth) << 4;
      at += rowBytes << 2;
    }
    right += (<usize>depth) << 5;
  }
}

/** Not inlined: the loop gets all vector registers to itself. */
export function tile(depth: i32, left: usize, right: usize, output: usize, outputRow: usize, adds: bool): void {
  multiplyTile(depth, left, right, output, outputRow, adds);
}

function copyEdge(edge: usize, rows: i32, columns: i32, at: usize, rowBytes: usize, adds: bool): void {
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) {
      const to = at + <usize>i * rowBytes + ((<usize>j) << 2);
      const term = load<f32>(edge + ((<usize>(i * TILE_COLUMNS + j)) << 2));
      store<f32>(to, adds ? load<f32>(to) + term : term);
    }
}

function clear(m: i32, n: i32, output: usize, outputRow: i32): void {
  for (let i = 0; i < m; i++) memory.fill(output + ((<usize>(i * outputRow)) << 2), 0, (<usize>n) << 2);
}

function addBias(flags: i32, m: i32, n: i32, output: usize, outputRow: i32, bias: usize): void {
  for (let i = 0; i < m; i++) {
    const row = output + ((<usize>(i * outputRow)) << 2);
    if (flags & BIAS_BF16) addRow<u16>(n, row, bias);
    else addRow<f32>(n, row, bias);
  }
}

function addRow<T>(n: i32, row: usize, bias: usize): void {
  let j = 0;
  for (; j + 4 <= n; j += 4) {
    v128.store(row, f32x4.add(v128.load(row), read4<T>(bias)));
    row += 16;
    bias += 4 * sizeof<T>();
  }
  if (j < n) writeSome<f32>(row, f32x4.add(readSome<f32>(row, n - j), readSome<T>(bias, n - j)), n - j);
}

function widen(from: usize, fromRow: i32, rows: i32, columns: i32, to: usize): void {
  for (let i = 0; i < rows; i++) {
    let at = from + ((<usize>(i * fromRow)) << 1);
    let row = to + ((<usize>(i * BLOCK_COLUMNS)) << 2);
    // The tile is wide enough for lanes behind the last column, but the output may end there.
    let j = 0;
    for (; j + 4 <= columns; j += 4, at += 8, row += 16) v128.store(row, read4<u16>(at));
    if (j < columns) v128.store(row, readSome<u16>(at, columns - j));
  }
}

function round(from: usize, rows: i32, columns: i32, to: usize, toRow: i32): void {
  for (let i = 0; i < rows; i++) {
    let row = from + ((<usize>(i * BLOCK_COLUMNS)) << 2);
    let at = to + ((<usize>(i * toRow)) << 1);
    let j = 0;
    for (; j + 4 <= columns; j += 4, at += 8, row += 16) write4<u16>(at, v128.load(row));
    if (j < columns) writeSome<u16>(at, v128.load(row), columns - j);
  }
}
