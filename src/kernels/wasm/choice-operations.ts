/** The choice of experts with compiled kernels: scores in, weights out, and where each choice goes. */
import type { Operand } from '../backend.ts';
import { DTYPE_BYTES } from '../dtype.ts';
import type { Balance, Capacity, ChoiceCounts, ExpertPlaces, TopK } from '../op/routing.ts';
import type { Bench, Operation } from './operation.ts';
import { addressOf, any, none } from './operation.ts';

const SIZE = DTYPE_BYTES.int32;

export const topK: Operation<TopK> = {
  inputRole: any,
  outputRole: any,
  // The counts of a sequence, and the powers of a row.
  scratchBytes: ({ experts, balance }) => (balance === null ? 0 : 2 * DTYPE_BYTES.fp32 * experts),
  run: (bench, op, inputs, outputs) => {
    const { tokens, experts, active, balance } = op;
    const [first, second, to] = [addressOf(inputs, 0), addressOf(outputs, 0), addressOf(outputs, -1)];
    if (op.pass === 'forward') bench.kernels.topKForward(first, second, to, tokens, experts, active);
    else {
      const [numbers, gradient] = [addressOf(inputs, 1), addressOf(inputs, 2)];
      bench.kernels.topKBackward(first, numbers, gradient, to, tokens, experts, active);
      if (balance !== null) addBalance(bench, op, { balance, inputs, to });
    }
  },
};

const addBalance = (
  { kernels, memory, scratch }: Bench,
  { experts }: TopK,
  { balance, inputs, to }: { balance: Balance; inputs: readonly Operand[]; to: number },
): void => {
  const { weight, blockRows, sequences } = balance;
  const logits = addressOf(inputs, 3);
  const often = new Float32Array(memory.buffer, scratch, experts);
  const powers = scratch + often.byteLength;
  for (const [block, rows] of sequences.entries()) {
    addRows(often.fill(0), rowsOf(memory.buffer, addressOf(inputs, 4), { experts, rows }));
    const start = block * blockRows * experts * DTYPE_BYTES.fp32;
    kernels.addBalance(logits + start, scratch, powers, to + start, blockRows, experts, weight);
  }
};

/** Those rows of counts [blocks, experts]. */
const rowsOf = (
  buffer: ArrayBufferLike,
  at: number,
  { experts, rows }: { experts: number; rows: readonly number[] },
): readonly Int32Array[] => rows.map((row) => new Int32Array(buffer, at + row * experts * SIZE, experts));

const addRows = (into: Float32Array, rows: readonly Int32Array[]): void => {
  for (const row of rows) for (let expert = 0; expert < into.length; expert++) into[expert]! += row[expert]!;
};

export const choiceCounts: Operation<ChoiceCounts> = {
  inputRole: any,
  outputRole: any,
  scratchBytes: none,
  run: ({ kernels }, { tokens, experts, active, blockRows }, inputs, outputs) => {
    const [numbers, counts] = [addressOf(inputs, 0), addressOf(outputs, 0)];
    const blocks = tokens / blockRows;
    kernels.zero(counts, blocks * experts * SIZE);
    for (let block = 0; block < blocks; block++) {
      const choices = blockRows * active;
      kernels.countChoices(numbers + block * choices * SIZE, counts + block * experts * SIZE, choices);
    }
  },
};

/** Room for more than there can be. */
const ENDLESS = 2 ** 31 - 1;

export const expertPlaces: Operation<ExpertPlaces> = {
  inputRole: any,
  outputRole: any,
  scratchBytes: ({ experts }) => SIZE * experts,
  run: ({ kernels, memory, scratch }, op, inputs, outputs) => {
    const { tokens, experts, active, capacity } = op;
    const [numbers, places, taken] = [addressOf(inputs, 0), addressOf(outputs, 0), addressOf(outputs, 1)];
    kernels.zero(taken, experts * SIZE);
    const room = new Int32Array(memory.buffer, scratch, experts);
    const blockRows = capacity?.blockRows ?? tokens;
    for (let block = 0; block < tokens / blockRows; block++) {
      room.fill(ENDLESS);
      if (capacity !== null) layRoom(room, capacity, { block, counts: addressOf(inputs, 1) });
      const choices = blockRows * active;
      const start = block * choices * SIZE;
      kernels.admitChoices(numbers + start, places + start, scratch, taken, choices);
    }
    kernels.placeChoices(numbers, places, taken, scratch, tokens * active, experts);
  },
};

/** What the blocks before leave of each expert's capacity. */
const layRoom = (
  room: Int32Array,
  { most, before }: Capacity,
  { block, counts }: { block: number; counts: number },
): void => {
  room.fill(most);
  for (const row of rowsOf(room.buffer, counts, { experts: room.length, rows: before[block]! }))
    for (let expert = 0; expert < room.length; expert++) room[expert]! -= row[expert]!;
};
