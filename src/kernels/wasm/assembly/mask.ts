/** Which keys the eight queries of a panel meet: those at their own position and before it, within the window. */

/** First row of a key piece that any query from `first` on meets, a multiple of four. */
export function visibleFrom(first: i32, window: i32, start: i32): i32 {
  // An absent window is so wide that the difference stays within 32 bits only in 64.
  return (<i32>max<i64>(0, <i64>first - <i64>window + 1 - <i64>start)) & ~3;
}

/** The row behind the last that any query up to `last` meets; no more than `length`. */
export function visibleTo(last: i32, start: i32, length: i32): i32 {
  return min(length, last - start + 1);
}

/**
 * Hides scores [rows, 8] that the mask forbids behind minus infinity. Row 0 is row `from` of a key piece of `length` rows
 * that begins at position `start`; lane 0 is the query at position `first`.
 */
export function maskScores(
  scores: usize,
  rows: i32,
  from: i32,
  length: i32,
  start: i32,
  first: i32,
  window: i32,
): void {
  const low = i32x4.add(i32x4.splat(first), i32x4(0, 1, 2, 3));
  const high = i32x4.add(low, i32x4.splat(4));
  // Whatever lies between the two is met by all queries of the panel.
  const late = max(0, min(length, first - start + 1) - from);
  const early = <i32>max<i64>(0, min<i64>(rows, <i64>first + 8 - <i64>window - <i64>start - <i64>from));
  const known = length - from;
  for (let i = 0; i < early; i++) coverRow(scores, i, known, start + from, low, high, window);
  for (let i = max(late, early); i < rows; i++) coverRow(scores, i, known, start + from, low, high, window);
}

/** Rows behind the last known one are padding, which nobody meets. */
function coverRow(scores: usize, i: i32, known: i32, position: i32, low: v128, high: v128, window: i32): void {
  const at = scores + ((<usize>i) << 5);
  if (i < known) maskRow(at, position + i, low, high, window);
  else hideRow(at);
}

function maskRow(at: usize, position: i32, low: v128, high: v128, window: i32): void {
  maskHalf(at, i32x4.sub(low, i32x4.splat(position)), window);
  maskHalf(at + 16, i32x4.sub(high, i32x4.splat(position)), window);
}

function maskHalf(at: usize, distance: v128, window: i32): void {
  const met = v128.and(i32x4.ge_s(distance, i32x4.splat(0)), i32x4.lt_s(distance, i32x4.splat(window)));
  v128.store(at, v128.bitselect(v128.load(at), f32x4.splat(-Infinity), met));
}

function hideRow(at: usize): void {
  v128.store(at, f32x4.splat(-Infinity));
  v128.store(at, f32x4.splat(-Infinity), 16);
}
