/**
 * Attention with softmax computed as the keys come by (Dao et al. 2022), eight queries at a time. Scores stand with their
 * queries side by side, one key below the other, so that softmax never crosses a vector.
 */
import { tile } from './gemm';
import { AttentionCall, keyStart, paddedLength, queryStart, rowsOf4, rowsOf8 } from './inline/attention-call';
import { scaleRows, writeColumns } from './columns';
import { exp4 } from './inline/exp';
import { maskScores, visibleFrom, visibleTo } from './mask';
import { packAcross, packAlong } from './pack';

/** Keys whose scores stand at once, 8 KiB. */
const BLOCK_KEYS: i32 = 256;

export function attentionForwardFp32(call: usize): void {
  forward<f32>(changetype<AttentionCall>(call));
}

export function attentionForwardBf16(call: usize): void {
  forward<u16>(changetype<AttentionCall>(call));
}

/** Where the parts of the scratch begin, in this order: all keys and values of a head, and what belongs to a panel of queries. */
function valuesAt(call: AttentionCall): usize {
  return call.scratch + rowsOf4(((call.keyPieces * paddedLength(call)) >> 2) * call.keyDim);
}
function scoresAt(call: AttentionCall): usize {
  return valuesAt(call) + rowsOf4(call.keyPieces * paddedLength(call) * ((call.valueDim + 3) >> 2));
}
function queriesAt(call: AttentionCall): usize {
  return scoresAt(call) + rowsOf8(BLOCK_KEYS);
}
/** Each query's maximum [8] and sum [8] so far. */
function stateAt(call: AttentionCall): usize {
  return queriesAt(call) + rowsOf8(call.keyDim);
}
function outputsAt(call: AttentionCall): usize {
  return stateAt(call) + rowsOf8(2);
}

function forward<T>(call: AttentionCall): void {
  const group = call.heads / call.kvHeads;
  for (let b = 0; b < call.batch; b++)
    for (let kvHead = 0; kvHead < call.kvHeads; kvHead++) {
      packKeys<T>(call, b, kvHead);
      for (let head = kvHead * group; head < (kvHead + 1) * group; head++)
        for (let piece = 0; piece < call.queryPieces; piece++)
          for (let i = 0; i < call.queryLength; i += 8) attend<T>(call, b, head, piece, i);
    }
}

/** Keys as panels [keyDim, 4] one behind another; values as panels [all keys, 4], one for each four of their columns. */
function packKeys<T>(call: AttentionCall, b: i32, kvHead: i32): void {
  const length = call.keyLength;
  const padded = paddedLength(call);
  const values = valuesAt(call);
  for (let piece = 0; piece < call.keyPieces; piece++) {
    const row = (b * call.keyPieces + piece) * length;
    const key = call.key + <usize>(row * call.keyRow + kvHead * call.keyDim) * sizeof<T>();
    const value = call.value + <usize>(row * call.valueRow + kvHead * call.valueDim) * sizeof<T>();
    const panels = call.scratch + rowsOf4(((piece * padded) >> 2) * call.keyDim);
    for (let i = 0; i < length; i += 4) {
      const from = key + <usize>(i * call.keyRow) * sizeof<T>();
      packAcross<T>(from, call.keyRow, length - i, call.keyDim, panels + rowsOf4((i >> 2) * call.keyDim), 16);
    }
    for (let e = 0; e < call.valueDim; e += 4) {
      const to = values + rowsOf4((e >> 2) * call.keyPieces * padded + piece * padded);
      packAlong<T>(value + <usize>e * sizeof<T>(), call.valueRow, call.valueDim - e, length, to, 16);
      memory.fill(to + rowsOf4(length), 0, rowsOf4(padded - length));
    }
  }
}

/** Queries `i` to `i` + 7 of a piece, of one head. */
function attend<T>(call: AttentionCall, b: i32, head: i32, piece: i32, i: i32): void {
  const row = (b * call.queryPieces + piece) * call.queryLength + i;
  const count = min(8, call.queryLength - i);
  const first = queryStart(call, piece) + i;
  const scores = scoresAt(call);
  packQueries<T>(call, row, head, count);
  begin(call, head);
  for (let keys = 0; keys < call.keyPieces; keys++) {
    const start = keyStart(call, keys);
    const to = visibleTo(first + count - 1, start, call.keyLength);
    for (let from = visibleFrom(first, call.window, start); from < to; from += BLOCK_KEYS) {
      const rows = (min(BLOCK_KEYS, to - from) + 3) & ~3;
      const packed = keys * paddedLength(call) + from;
      multiplyKeys(call, packed, rows);
      maskScores(scores, rows, from, call.keyLength, start, first, call.window);
      weigh(call, rows);
      multiplyValues(call, packed, rows);
    }
  }
  divideBySums(call);
  writeSums(call, row, head, count);
  const width = call.heads * call.valueDim;
  const at = call.output + <usize>(row * width + head * call.valueDim) * sizeof<T>();
  writeColumns<T>(outputsAt(call), call.valueDim, count, at, width, scores);
}

/** No key was met yet, but for a sink: it is a key that everyone meets, with a value of 0. */
function begin(call: AttentionCall, head: i32): void {
  const hasSink = call.sinks != 0;
  const maximum = f32x4.splat(hasSink ? load<f32>(call.sinks + ((<usize>head) << 2)) : -Infinity);
  const sum = f32x4.splat(hasSink ? 1 : 0);
  const state = stateAt(call);
  v128.store(state, maximum);
  v128.store(state, maximum, 16);
  v128.store(state, sum, 32);
  v128.store(state, sum, 48);
  memory.fill(outputsAt(call), 0, rowsOf8((call.valueDim + 3) & ~3));
}

/** Scores become exponentials below a maximum that may rise with them; what was summed below a lower one shrinks. */
function weigh(call: AttentionCall, rows: i32): void {
  const state = stateAt(call);
  const scores = scoresAt(call);
  const end = scores + rowsOf8(rows);
  let top0 = v128.load(state);
  let top1 = v128.load(state, 16);
  for (let at = scores; at < end; at += 32) {
    top0 = f32x4.pmax(top0, v128.load(at));
    top1 = f32x4.pmax(top1, v128.load(at, 16));
  }
  // Where no key was met yet, any finite number keeps the exponentials at 0.
  const base0 = f32x4.pmax(top0, f32x4.splat(-1e30));
  const base1 = f32x4.pmax(top1, f32x4.splat(-1e30));
  const shrink0 = exp4(f32x4.sub(v128.load(state), base0));
  const shrink1 = exp4(f32x4.sub(v128.load(state, 16), base1));
  let sum0 = f32x4.mul(v128.load(state, 32), shrink0);
  let sum1 = f32x4.mul(v128.load(state, 48), shrink1);
  for (let at = scores; at < end; at += 32) {
    const p0 = exp4(f32x4.sub(v128.load(at), base0));
    const p1 = exp4(f32x4.sub(v128.load(at, 16), base1));
    v128.store(at, p0);
    v128.store(at, p1, 16);
    sum0 = f32x4.add(sum0, p0);
    sum1 = f32x4.add(sum1, p1);
  }
  v128.store(state, top0);
  v128.store(state, top1, 16);
  v128.store(state, sum0, 32);
  v128.store(state, sum1, 48);
  scaleRows(outputsAt(call), (call.valueDim + 3) & ~3, shrink0, shrink1);
}

/** The output of a query that met no key stays 0. */
function divideBySums(call: AttentionCall): void {
  const low = v128.load(stateAt(call), 32);
  const high = v128.load(stateAt(call), 48);
  const one = f32x4.splat(1);
  const zero = f32x4.splat(0);
  const lowShare = v128.andnot(f32x4.div(one, low), f32x4.eq(low, zero));
  const highShare = v128.andnot(f32x4.div(one, high), f32x4.eq(high, zero));
  scaleRows(outputsAt(call), (call.valueDim + 3) & ~3, lowShare, highShare);
}

/** A panel [keyDim, 8], divided by the square root of keyDim. */
function packQueries<T>(call: AttentionCall, row: i32, head: i32, count: i32): void {
  const depth = call.keyDim;
  const from = call.query + <usize>(row * call.queryRow + head * depth) * sizeof<T>();
  const to = queriesAt(call);
  packAcross<T>(from, call.queryRow, count, depth, to, 32);
  packAcross<T>(from + <usize>(4 * call.queryRow) * sizeof<T>(), call.queryRow, count - 4, depth, to + 16, 32);
  const scale = f32x4.splat(<f32>(1 / sqrt<f64>(<f64>depth)));
  scaleRows(to, depth, scale, scale);
}

function multiplyKeys(call: AttentionCall, packed: i32, rows: i32): void {
  const queries = queriesAt(call);
  let left = call.scratch + rowsOf4((packed >> 2) * call.keyDim);
  let to = scoresAt(call);
  for (let i = 0; i < rows; i += 4) {
    tile(call.keyDim, left, queries, to, 32, false);
    left += rowsOf4(call.keyDim);
    to += 128;
  }
}

function multiplyValues(call: AttentionCall, packed: i32, rows: i32): void {
  const panel = rowsOf4(call.keyPieces * paddedLength(call));
  let left = valuesAt(call) + rowsOf4(packed);
  let to = outputsAt(call);
  for (let e = 0; e < call.valueDim; e += 4) {
    tile(rows, left, scoresAt(call), to, 32, true);
    left += panel;
    to += 128;
  }
}

/** The logarithm of each query's sum: minus infinity where it is 0. */
function writeSums(call: AttentionCall, row: i32, head: i32, count: i32): void {
  for (let lane = 0; lane < count; lane++) {
    const at = stateAt(call) + ((<usize>lane) << 2);
    const sum = <f64>load<f32>(at) + Math.log(<f64>load<f32>(at, 32));
    store<f32>(call.sums + ((<usize>((row + lane) * call.heads + head)) << 2), <f32>sum);
  }
}
