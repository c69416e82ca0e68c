/** What an attention kernel is called with: numbers in a row of memory, as src/kernels/wasm/attention.ts writes them. */

/** Addresses are bytes, of the first element in question; rows count elements; behind it stand the starts of all pieces. */
@unmanaged
export class AttentionCall {
  batch: i32;
  heads: i32;
  kvHeads: i32;
  keyDim: i32;
  valueDim: i32;
  /** Keys that are this many tokens or more before a query are hidden. */
  window: i32;
  queryPieces: i32;
  queryLength: i32;
  keyPieces: i32;
  keyLength: i32;
  query: usize;
  queryRow: i32;
  key: usize;
  keyRow: i32;
  value: usize;
  valueRow: i32;
  /** Rows of heads side by side, as is its gradient. */
  output: usize;
  sums: usize;
  outputGradient: usize;
  queryGradient: usize;
  /** Rows of all key heads, then of all value heads. */
  keyValueGradient: usize;
  scratch: usize;
  /** 32-bit whole numbers: the position of the first row of each query piece, then of each key piece. */
  starts: usize;
  /** A number in fp32 a head, and what is added to each backward; 0 without sinks. */
  sinks: usize;
  sinkGradients: usize;
}

export function queryStart(call: AttentionCall, piece: i32): i32 {
  return load<i32>(call.starts + ((<usize>piece) << 2));
}

export function keyStart(call: AttentionCall, piece: i32): i32 {
  return load<i32>(call.starts + ((<usize>(call.queryPieces + piece)) << 2));
}

/** Rows of a key piece with those that fill its last panel up. */
export function paddedLength(call: AttentionCall): i32 {
  return (call.keyLength + 3) & ~3;
}

/** Bytes of so many rows of 4 numbers. */
export function rowsOf4(count: i32): usize {
  return (<usize>count) << 4;
}

/** Bytes of so many rows of 8 numbers. */
export function rowsOf8(count: i32): usize {
  return (<usize>count) << 5;
}
