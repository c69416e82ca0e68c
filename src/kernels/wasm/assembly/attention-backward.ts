/**
 * The gradients of attention, its probabilities computed anew from the saved logarithms (Dao et al. 2022, 2023). A tile is 32
 * queries by 64 keys; the gradients of keys and values gather in fp32 until all queries of a head's group have passed.
 */
import { tile } from './gemm';
import { AttentionCall, keyStart, paddedLength, queryStart, rowsOf4, rowsOf8 } from './inline/attention-call';
import {
  TILE_KEYS,
  TILE_QUERIES,
  agreementsAt,
  eights,
  gradientPanelsAt,
  keyColumnsAt,
  keyGradientsAt,
  logarithmsAt,
  outputRowsAt,
  outputsAt,
  packedKeys,
  queriesAt,
  queryGradientsAt,
  queryRowsAt,
  scoreGradientsAt,
  scorePanelsAt,
  scoresAt,
  valueGradientsAt,
  valuesAt,
} from './inline/backward-scratch';
import { scaleRows, writeColumns } from './columns';
import { exp4 } from './inline/exp';
import { read1, write4, writeSome } from './inline/format';
import { maskScores, visibleFrom, visibleTo } from './mask';
import { packAcross, packAlong } from './pack';
import { storeTransposed } from './inline/transpose';

export function attentionBackwardFp32(call: usize): void {
  backward<f32>(changetype<AttentionCall>(call));
}

export function attentionBackwardBf16(call: usize): void {
  backward<u16>(changetype<AttentionCall>(call));
}

function backward<T>(call: AttentionCall): void {
  const group = call.heads / call.kvHeads;
  for (let b = 0; b < call.batch; b++)
    for (let kvHead = 0; kvHead < call.kvHeads; kvHead++) {
      packKeys<T>(call, b, kvHead);
      memory.fill(keyGradientsAt(call), 0, queriesAt(call) - keyGradientsAt(call));
      for (let head = kvHead * group; head < (kvHead + 1) * group; head++)
        for (let piece = 0; piece < call.queryPieces; piece++)
          for (let i = 0; i < call.queryLength; i += TILE_QUERIES) passTile<T>(call, b, head, piece, i);
      writeKeyGradients<T>(call, b, kvHead);
    }
}

function packKeys<T>(call: AttentionCall, b: i32, kvHead: i32): void {
  const length = call.keyLength;
  const padded = paddedLength(call);
  for (let piece = 0; piece < call.keyPieces; piece++) {
    const row = (b * call.keyPieces + piece) * length;
    const key = call.key + <usize>(row * call.keyRow + kvHead * call.keyDim) * sizeof<T>();
    const value = call.value + <usize>(row * call.valueRow + kvHead * call.valueDim) * sizeof<T>();
    for (let i = 0; i < length; i += 4) {
      const panel = (piece * padded + i) >> 2;
      const keyPanel = call.scratch + rowsOf4(panel * call.keyDim);
      const valuePanel = valuesAt(call) + rowsOf4(panel * call.valueDim);
      const count = length - i;
      packAcross<T>(key + <usize>(i * call.keyRow) * sizeof<T>(), call.keyRow, count, call.keyDim, keyPanel, 16);
      packAcross<T>(
        value + <usize>(i * call.valueRow) * sizeof<T>(),
        call.valueRow,
        count,
        call.valueDim,
        valuePanel,
        16,
      );
    }
    for (let d = 0; d < call.keyDim; d += 4) {
      const to = keyColumnsAt(call) + rowsOf4((d >> 2) * packedKeys(call) + piece * padded);
      packAlong<T>(key + <usize>d * sizeof<T>(), call.keyRow, call.keyDim - d, length, to, 16);
      memory.fill(to + rowsOf4(length), 0, rowsOf4(padded - length));
    }
  }
}

/** All that queries `i` to `i` + 31 of a piece, of one head, add to the gradients. */
function passTile<T>(call: AttentionCall, b: i32, head: i32, piece: i32, i: i32): void {
  const row = (b * call.queryPieces + piece) * call.queryLength + i;
  const count = min(TILE_QUERIES, call.queryLength - i);
  const panels = eights(count);
  const first = queryStart(call, piece) + i;
  packTile<T>(call, row, head, count);
  const queryGradients = queryGradientsAt(call);
  const queryPanel = rowsOf8((call.keyDim + 3) & ~3);
  memory.fill(queryGradients, 0, 4 * queryPanel);
  for (let keys = 0; keys < call.keyPieces; keys++) {
    const start = keyStart(call, keys);
    const to = visibleTo(first + count - 1, start, call.keyLength);
    for (let from = visibleFrom(first, call.window, start); from < to; from += TILE_KEYS) {
      const rows = (min(TILE_KEYS, to - from) + 3) & ~3;
      for (let p = 0; p < panels; p++) passPanel(call, p, keys, from, rows, first + 8 * p);
      // Queries before a key do not meet it: their panels are skipped as a whole.
      const skipped = max(0, start + from - first) >> 3;
      addKeyGradients(call, keys * paddedLength(call) + from, rows, 8 * skipped, 8 * panels);
    }
  }
  const scale = f32x4.splat(<f32>(1 / sqrt<f64>(<f64>call.keyDim)));
  scaleRows(queryGradients, 4 * ((call.keyDim + 3) & ~3), scale, scale);
  const width = call.heads * call.keyDim;
  for (let p = 0; p < panels; p++) {
    const to = call.queryGradient + <usize>((row + 8 * p) * width + head * call.keyDim) * sizeof<T>();
    // What is written goes by way of the scores, which nobody needs any more.
    const staged = scoresAt(call);
    writeColumns<T>(queryGradients + <usize>p * queryPanel, call.keyDim, min(8, count - 8 * p), to, width, staged);
  }
}

function packTile<T>(call: AttentionCall, row: i32, head: i32, count: i32): void {
  const scale = f32x4.splat(<f32>(1 / sqrt<f64>(<f64>call.keyDim)));
  const query = call.query + <usize>(row * call.queryRow + head * call.keyDim) * sizeof<T>();
  packBoth<T>(query, call.queryRow, count, call.keyDim, queriesAt(call), queryRowsAt(call));
  scaleRows(queriesAt(call), 4 * call.keyDim, scale, scale);
  scaleRows(queryRowsAt(call), TILE_QUERIES * eights(call.keyDim), scale, scale);
  const width = call.heads * call.valueDim;
  const corner = <usize>(row * width + head * call.valueDim) * sizeof<T>();
  packBoth<T>(call.outputGradient + corner, width, count, call.valueDim, outputsAt(call), outputRowsAt(call));
  for (let lane = 0; lane < TILE_QUERIES; lane++) {
    let logarithm: f32 = Infinity;
    let agreement: f32 = 0;
    if (lane < count) {
      logarithm = load<f32>(call.sums + ((<usize>((row + lane) * call.heads + head)) << 2));
      const at = corner + <usize>(lane * width) * sizeof<T>();
      agreement = product<T>(call.outputGradient + at, call.output + at, call.valueDim);
    }
    if (lane < count && call.sinks != 0) addToSink(call, head, logarithm, agreement);
    // Of a query that met no key every probability is 0, as exp(score - infinity) is.
    if (logarithm == -Infinity) logarithm = Infinity;
    store<f32>(logarithmsAt(call) + ((<usize>lane) << 2), logarithm);
    store<f32>(agreementsAt(call) + ((<usize>lane) << 2), agreement);
  }
}

/** The sink's value is 0, so that the gradient of its logit is its probability times minus the agreement. */
function addToSink(call: AttentionCall, head: i32, logarithm: f32, agreement: f32): void {
  const at = (<usize>head) << 2;
  const probability = <f32>Math.exp(<f64>load<f32>(call.sinks + at) - <f64>logarithm);
  store<f32>(call.sinkGradients + at, load<f32>(call.sinkGradients + at) - probability * agreement);
}

/** Up to 32 rows as panels [width, 8] of eight rows each, and as panels [32, 8] of eight columns each. */
function packBoth<T>(from: usize, row: i32, count: i32, width: i32, columns: usize, rows: usize): void {
  for (let lane = 0; lane < TILE_QUERIES; lane += 4) {
    const to = columns + rowsOf8((lane >> 3) * width) + ((<usize>(lane & 4)) << 2);
    packAcross<T>(from + <usize>(lane * row) * sizeof<T>(), row, count - lane, width, to, 32);
  }
  for (let e = 0; e < 8 * eights(width); e += 4) {
    const to = rows + rowsOf8((e >> 3) * TILE_QUERIES) + ((<usize>(e & 4)) << 2);
    packAlong<T>(from + <usize>e * sizeof<T>(), row, width - e, count, to, 32);
    for (let lane = count; lane < TILE_QUERIES; lane++) v128.store(to + rowsOf8(lane), f32x4.splat(0));
  }
}

function product<T>(a: usize, b: usize, width: i32): f32 {
  let sum: f32 = 0;
  for (let e = 0; e < width; e++) {
    const offset = <usize>e * sizeof<T>();
    sum += read1<T>(a + offset) * read1<T>(b + offset);
  }
  return sum;
}

/** Probabilities and gradients of scores of eight queries and `rows` keys, and what those give the queries. */
function passPanel(call: AttentionCall, p: i32, keys: i32, from: i32, rows: i32, first: i32): void {
  const scores = scoresAt(call);
  const gradients = scoreGradientsAt(call);
  const start = keyStart(call, keys);
  const packed = keys * paddedLength(call) + from;
  // Keys behind the last query of the panel take no part; the rows of their panels are cleared.
  const met = min(rows, max(0, first + 8 - start - from + 3) & ~3);
  multiplyPanels(call.scratch + rowsOf4((packed >> 2) * call.keyDim), call.keyDim, queriesAt(call), p, met, scores);
  multiplyPanels(
    valuesAt(call) + rowsOf4((packed >> 2) * call.valueDim),
    call.valueDim,
    outputsAt(call),
    p,
    met,
    gradients,
  );
  maskScores(scores, met, from, call.keyLength, start, first, call.window);
  const lanes = (<usize>p) << 5;
  const logarithm0 = v128.load(logarithmsAt(call) + lanes);
  const logarithm1 = v128.load(logarithmsAt(call) + lanes, 16);
  const agreement0 = v128.load(agreementsAt(call) + lanes);
  const agreement1 = v128.load(agreementsAt(call) + lanes, 16);
  const end = scores + rowsOf8(met);
  const gap = gradients - scores;
  for (let at = scores; at < end; at += 32) {
    const p0 = exp4(f32x4.sub(v128.load(at), logarithm0));
    const p1 = exp4(f32x4.sub(v128.load(at, 16), logarithm1));
    v128.store(at, p0);
    v128.store(at, p1, 16);
    v128.store(at + gap, f32x4.mul(p0, f32x4.sub(v128.load(at + gap), agreement0)));
    v128.store(at + gap, f32x4.mul(p1, f32x4.sub(v128.load(at + gap, 16), agreement1)), 16);
  }
  turnPanel(scores, met, rows, scorePanelsAt(call) + rowsOf4(8 * p));
  turnPanel(gradients, met, rows, gradientPanelsAt(call) + rowsOf4(8 * p));
  let left = keyColumnsAt(call) + rowsOf4(packed);
  let to = queryGradientsAt(call) + <usize>p * rowsOf8((call.keyDim + 3) & ~3);
  for (let d = 0; d < call.keyDim; d += 4) {
    tile(met, left, gradients, to, 32, true);
    left += rowsOf4(packedKeys(call));
    to += 128;
  }
}

function multiplyPanels(left: usize, depth: i32, right: usize, p: i32, rows: i32, to: usize): void {
  for (let i = 0; i < rows; i += 4) {
    tile(depth, left, right + rowsOf8(p * depth), to, 32, false);
    left += rowsOf4(depth);
    to += 128;
  }
}

/** Rows of eight queries become the queries' places in the panels [32, 4] of four keys each; behind `met` they are zeros. */
function turnPanel(from: usize, met: i32, rows: i32, to: usize): void {
  const zero = f32x4.splat(0);
  for (let i = 0; i < met; i += 4) {
    storeTransposed(to, 16, v128.load(from), v128.load(from, 32), v128.load(from, 64), v128.load(from, 96));
    storeTransposed(to + 64, 16, v128.load(from, 16), v128.load(from, 48), v128.load(from, 80), v128.load(from, 112));
    from += 128;
    to += rowsOf4(TILE_QUERIES);
  }
  for (let i = met; i < rows; i += 4) {
    for (let lane = 0; lane < 8; lane++) v128.store(to + rowsOf4(lane), zero);
    to += rowsOf4(TILE_QUERIES);
  }
}

/** Adds queries `first` to `last` - 1 of the tile to the gradients of `rows` keys. */
function addKeyGradients(call: AttentionCall, packed: i32, rows: i32, first: i32, last: i32): void {
  const values = valueGradientsAt(call) + rowsOf8(packed * eights(call.valueDim));
  addProducts(scorePanelsAt(call), outputRowsAt(call), rows, first, last, call.valueDim, values);
  const keys = keyGradientsAt(call) + rowsOf8(packed * eights(call.keyDim));
  addProducts(gradientPanelsAt(call), queryRowsAt(call), rows, first, last, call.keyDim, keys);
}

function addProducts(panels: usize, rowPanels: usize, rows: i32, first: i32, last: i32, width: i32, to: usize): void {
  const rowBytes = rowsOf8(eights(width));
  for (let e = 0; e < width; e += 8) {
    const right = rowPanels + rowsOf8((e >> 3) * TILE_QUERIES + first);
    let left = panels + rowsOf4(first);
    let at = to + ((<usize>e) << 2);
    for (let i = 0; i < rows; i += 4) {
      tile(last - first, left, right, at, rowBytes, true);
      left += rowsOf4(TILE_QUERIES);
      at += rowBytes << 2;
    }
  }
}

function writeKeyGradients<T>(call: AttentionCall, b: i32, kvHead: i32): void {
  const row = call.kvHeads * (call.keyDim + call.valueDim);
  const corner = call.keyValueGradient + <usize>(b * call.keyPieces * call.keyLength * row) * sizeof<T>();
  const keys = corner + <usize>(kvHead * call.keyDim) * sizeof<T>();
  const values = corner + <usize>(call.kvHeads * call.keyDim + kvHead * call.valueDim) * sizeof<T>();
  writeGradients<T>(call, keyGradientsAt(call), call.keyDim, keys, row);
  writeGradients<T>(call, valueGradientsAt(call), call.valueDim, values, row);
}

function writeGradients<T>(call: AttentionCall, from: usize, width: i32, to: usize, row: i32): void {
  for (let piece = 0; piece < call.keyPieces; piece++)
    for (let i = 0; i < call.keyLength; i++) {
      const source = from + rowsOf8((piece * paddedLength(call) + i) * eights(width));
      const target = to + <usize>((piece * call.keyLength + i) * row) * sizeof<T>();
      for (let e = 0; e < width; e += 4) {
        const values = v128.load(source + ((<usize>e) << 2));
        if (e + 4 <= width) write4<T>(target + <usize>e * sizeof<T>(), values);
        else writeSome<T>(target + <usize>e * sizeof<T>(), values, width - e);
      }
    }
}
