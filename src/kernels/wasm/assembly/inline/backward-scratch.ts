/** Where the parts of the scratch begin that attention works in backward. */
import { AttentionCall, paddedLength, rowsOf4, rowsOf8 } from './attention-call';

export const TILE_QUERIES: i32 = 32;
export const TILE_KEYS: i32 = 64;

export function packedKeys(call: AttentionCall): i32 {
  return call.keyPieces * paddedLength(call);
}
export function eights(width: i32): i32 {
  return (width + 7) >> 3;
}

/** Where the parts of the scratch begin: of a key head, panels of keys [keyDim, 4], values [valueDim, 4], keys [all keys, 4] ... */
export function valuesAt(call: AttentionCall): usize {
  return call.scratch + rowsOf4((packedKeys(call) >> 2) * call.keyDim);
}
export function keyColumnsAt(call: AttentionCall): usize {
  return valuesAt(call) + rowsOf4((packedKeys(call) >> 2) * call.valueDim);
}
/** ... gradients of keys and values, rows of whole eights ... */
export function keyGradientsAt(call: AttentionCall): usize {
  return keyColumnsAt(call) + rowsOf4(packedKeys(call) * ((call.keyDim + 3) >> 2));
}
export function valueGradientsAt(call: AttentionCall): usize {
  return keyGradientsAt(call) + rowsOf8(packedKeys(call) * eights(call.keyDim));
}
/** ... of a tile of queries, panels of queries and of the output's gradient, [dim, 8] and [32, 8] ... */
export function queriesAt(call: AttentionCall): usize {
  return valueGradientsAt(call) + rowsOf8(packedKeys(call) * eights(call.valueDim));
}
export function outputsAt(call: AttentionCall): usize {
  return queriesAt(call) + rowsOf8(4 * call.keyDim);
}
export function queryRowsAt(call: AttentionCall): usize {
  return outputsAt(call) + rowsOf8(4 * call.valueDim);
}
export function outputRowsAt(call: AttentionCall): usize {
  return queryRowsAt(call) + rowsOf8(TILE_QUERIES * eights(call.keyDim));
}
/** ... the gradient of queries [keyDim, 8], four times; logarithms and sums of the tile's rows ... */
export function queryGradientsAt(call: AttentionCall): usize {
  return outputRowsAt(call) + rowsOf8(TILE_QUERIES * eights(call.valueDim));
}
export function logarithmsAt(call: AttentionCall): usize {
  return queryGradientsAt(call) + rowsOf8(4 * ((call.keyDim + 3) & ~3));
}
export function agreementsAt(call: AttentionCall): usize {
  return logarithmsAt(call) + 4 * TILE_QUERIES;
}
/** ... scores and their gradients [64, 8], and both as panels [32, 4]; the end leaves room for one tile more. */
export function scoresAt(call: AttentionCall): usize {
  return agreementsAt(call) + 4 * TILE_QUERIES;
}
export function scoreGradientsAt(call: AttentionCall): usize {
  return scoresAt(call) + rowsOf8(TILE_KEYS);
}
export function scorePanelsAt(call: AttentionCall): usize {
  return scoreGradientsAt(call) + rowsOf8(TILE_KEYS);
}
export function gradientPanelsAt(call: AttentionCall): usize {
  return scorePanelsAt(call) + rowsOf4((TILE_KEYS >> 2) * TILE_QUERIES);
}
