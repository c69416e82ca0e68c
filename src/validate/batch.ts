/** Sequences a step and a microbatch: as the row says, or by a rule where it does not. */
import type { Filled } from './filled.ts';
import type { Row } from './row.ts';

export interface Batch {
  /** Sequences a step. */
  readonly globalBatch: number;
  /** Sequences a microbatch. */
  readonly microbatch: number;
}

interface Ranks {
  readonly dp: number;
  readonly pp: number;
  readonly zero: number;
  readonly sequence: number;
}

/** The batches that fit the row, the largest microbatch first. */
export const batchesOf = (row: Row, ranks: Ranks): readonly Filled<Batch>[] =>
  microbatchesOf(row, ranks).map(({ value: asked, assumed }) => {
    if (row.gbs === null) return withGlobalBatch(asked, ranks, { row, assumed });
    const perRank = sequencesPerRank(row.gbs, ranks.dp);
    const globalBatch = perRank * ranks.dp;
    const microbatch = largestDivisor(perRank, asked);
    return {
      value: { globalBatch, microbatch },
      assumed: [
        ...assumed,
        ...(globalBatch === row.gbs ? [] : [`gbs ${globalBatch}: ${row.gbs} does not divide over dp ${ranks.dp}`]),
        ...(microbatch === asked ? [] : [`mbs ${microbatch}: ${asked} does not divide ${perRank} sequences a rank`]),
      ],
    };
  });

const sequencesPerRank = (globalBatch: number, dp: number): number => Math.max(1, Math.round(globalBatch / dp));

const MICROBATCHES = [8, 4, 2, 1];

/** Without pipelines a larger microbatch only makes faster kernels; with them it makes a longer bubble. */
const microbatchesOf = ({ mbs, gbs, n_microbatches }: Row, { dp, pp }: Ranks): readonly Filled<number>[] => {
  if (mbs !== null) return [{ value: mbs, assumed: [] }];
  const derived = gbs === null || n_microbatches === null ? 0 : gbs / (dp * n_microbatches);
  if (derived >= 1) return [{ value: Math.floor(derived), assumed: [] }];
  if (pp > 1) return [{ value: 1, assumed: ['mbs 1: not stated'] }];
  return MICROBATCHES.filter((size) => gbs === null || sequencesPerRank(gbs, dp) % size === 0).map((size) => ({
    value: size,
    assumed: [`mbs ${size}: not stated; the largest up to ${MICROBATCHES[0]} that divides and fits`],
  }));
};

/** About four million tokens, the batch of GPT-3 and Llama. */
const TOKENS_PER_STEP = 2 ** 22;
const ROUNDS_PER_PIPELINE = 8;

const withGlobalBatch = (
  microbatch: number,
  { dp, pp, zero, sequence }: Ranks,
  { row, assumed }: { row: Row; assumed: readonly string[] },
): Filled<Batch> => {
  const count =
    row.n_microbatches ??
    (pp > 1
      ? ROUNDS_PER_PIPELINE * pp
      : zero === 3
        ? 1
        : Math.max(1, Math.round(TOKENS_PER_STEP / (sequence * dp * microbatch))));
  const globalBatch = dp * microbatch * count;
  return {
    value: { globalBatch, microbatch },
    assumed: [...assumed, `gbs ${globalBatch}: ${count} microbatches a step`],
  };
};

const largestDivisor = (whole: number, limit: number): number => {
  let size = Math.min(whole, limit);
  while (whole % size !== 0) size -= 1;
  return size;
};
