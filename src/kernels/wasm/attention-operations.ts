/** Attention with compiled kernels. */
import { DTYPE_BYTES } from '../dtype.ts';
import type { Operand } from '../backend.ts';
import type { AttentionMerge, FlashAttention } from '../op/attention.ts';
import type { Columns } from '../op/positions.ts';
import type { Bench, Operation } from './operation.ts';
import { addressOf } from './operation.ts';

export const flashAttentionOperation: Operation<FlashAttention> = {
  inputRole: (op, place, inputs) =>
    place === sumsPlace(op, inputs) || place === sinksPlace(op, inputs) ? 'fp32' : 'same',
  outputRole: ({ pass }, place) => ((pass === 'forward' ? place === 1 : place === 2) ? 'fp32' : 'same'),
  scratchBytes: (op) => CALL_BYTES + startsBytes(op) + workBytes(op),
  run: (bench, op, inputs, outputs) => {
    const { query, key, value } = op;
    writeCall(bench, op, {
      query: columnsAt(bench, query, inputs),
      key: columnsAt(bench, key, inputs),
      value: columnsAt(bench, value, inputs),
      sinks: op.sinks ? addressOf(inputs, sinksPlace(op, inputs.length)) : 0,
      ...(op.pass === 'forward' ? forwardPlaces(outputs) : backwardPlaces(op, inputs, outputs)),
    });
    const { attentionForward, attentionBackward } = KERNELS[bench.format];
    bench.kernels[op.pass === 'forward' ? attentionForward : attentionBackward](bench.scratch);
  },
};

const KERNELS = {
  fp32: { attentionForward: 'attentionForwardFp32', attentionBackward: 'attentionBackwardFp32' },
  bf16: { attentionForward: 'attentionForwardBf16', attentionBackward: 'attentionBackwardBf16' },
} as const;

/** Places are inputs from the first on; none is -1. */
const sumsPlace = ({ pass }: FlashAttention, inputs: number): number => (pass === 'forward' ? -1 : inputs - 2);
const sinksPlace = ({ pass, sinks }: FlashAttention, inputs: number): number =>
  sinks ? inputs - (pass === 'forward' ? 1 : 4) : -1;

/** Where the operands of a call stand; 0 for those that it does not have. */
interface Places {
  readonly query: number;
  readonly key: number;
  readonly value: number;
  readonly sinks: number;
  readonly output: number;
  readonly sums: number;
  readonly outputGradient: number;
  readonly queryGradient: number;
  readonly keyValueGradient: number;
  readonly sinkGradients: number;
}
type Results = Omit<Places, 'query' | 'key' | 'value' | 'sinks'>;

const forwardPlaces = (outputs: readonly Operand[]): Results => ({
  output: addressOf(outputs, 0),
  sums: addressOf(outputs, 1),
  outputGradient: 0,
  queryGradient: 0,
  keyValueGradient: 0,
  sinkGradients: 0,
});
const backwardPlaces = (
  { sinks }: FlashAttention,
  inputs: readonly Operand[],
  outputs: readonly Operand[],
): Results => ({
  output: addressOf(inputs, -3),
  sums: addressOf(inputs, -2),
  outputGradient: addressOf(inputs, -1),
  queryGradient: addressOf(outputs, 0),
  keyValueGradient: addressOf(outputs, 1),
  sinkGradients: sinks ? addressOf(outputs, 2) : 0,
});

const columnsAt = ({ format }: Bench, { tensor, start }: Columns, inputs: readonly Operand[]): number =>
  addressOf(inputs, tensor) + start * DTYPE_BYTES[format];

/** Of the call as `assembly/inline/attention-call.ts` reads it, in whole units of what memory is aligned to. */
const CALL_BYTES = 128;
/** Wide enough for every distance that a 32-bit position can have. */
const WINDOW_MAX = 2 ** 31 - 1;

const startsBytes = ({ queriesAt, keysAt }: FlashAttention): number =>
  roundUp(4 * (queriesAt.starts.length + keysAt.starts.length), 64);

const writeCall = (bench: Bench, op: FlashAttention, places: Places): void => {
  const { queriesAt, keysAt } = op;
  const call = [op.batch, op.heads, op.kvHeads, op.keyDim, op.valueDim, op.window ?? WINDOW_MAX].concat(
    [queriesAt.starts.length, queriesAt.length, keysAt.starts.length, keysAt.length],
    [places.query, op.query.stride, places.key, op.key.stride, places.value, op.value.stride],
    [places.output, places.sums, places.outputGradient, places.queryGradient, places.keyValueGradient],
    [bench.scratch + CALL_BYTES + startsBytes(op), bench.scratch + CALL_BYTES, places.sinks, places.sinkGradients],
  );
  new Uint32Array(bench.memory.buffer, bench.scratch, call.length).set(call);
  const starts = [...queriesAt.starts, ...keysAt.starts];
  new Uint32Array(bench.memory.buffer, bench.scratch + CALL_BYTES, starts.length).set(starts);
};

/** Numbers of the packed keys and values of one head, of the gradients of both, and of a tile of queries beside them. */
const workBytes = (op: FlashAttention): number => {
  const { keysAt } = op;
  const keys = keysAt.starts.length * roundUp(keysAt.length, 4);
  const [keyDim, valueDim] = [roundUp(op.keyDim, 8), roundUp(op.valueDim, 8)];
  const packed = op.pass === 'forward' ? keyDim + valueDim : 3 * keyDim + 2 * valueDim;
  return 4 * (keys * packed + TILE_NUMBERS + TILE_ROWS * (keyDim + valueDim));
};
/** Scores, their gradients and both turned around, of 32 queries by 64 keys or of 8 by 256. */
const TILE_NUMBERS = 8192;
/** Rows of a tile: queries twice over, gradients of the output twice over, gradients of the queries. */
const TILE_ROWS = 96;

const roundUp = (value: number, unit: number): number => Math.ceil(value / unit) * unit;

/** Outputs are merged as rows of heads, one sum a row. */
export const attentionMergeOperation: Operation<AttentionMerge> = {
  inputRole: (_, place) => (place % 2 === 0 ? 'same' : 'fp32'),
  outputRole: (_, place) => (place === 0 ? 'same' : 'fp32'),
  scratchBytes: () => 0,
  run: ({ kernels, format }, { rows, heads, valueDim }, inputs, outputs) => {
    const [first, firstSums, second, secondSums] = [0, 1, 2, 3].map((place) => addressOf(inputs, place));
    const merge = format === 'fp32' ? kernels.attentionMergeFp32 : kernels.attentionMergeBf16;
    const [to, toSums] = [addressOf(outputs, 0), addressOf(outputs, 1)];
    merge(first!, firstSums!, second!, secondSums!, to, toSums, rows * heads, valueDim);
  },
};
