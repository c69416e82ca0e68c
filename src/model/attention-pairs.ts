/** How many pairs of a query and a key the causal mask and a window let meet. */

/** The window in which a causal query sees everything before it. */
const whole = (window: number | null): number => window ?? Infinity;

/** Pairs of an interval with one as long, by how far the query lies behind the key: sums of length - |d| up to d = `last`. */
const pairsUpTo = (last: number, length: number): number => {
  if (last <= -length) return 0;
  if (last >= length) return length * length;
  if (last < 0) return ((length + last) * (length + last + 1)) / 2;
  return length * length - ((length - 1 - last) * (length - last)) / 2;
};

/**
 * Pairs between `length` queries and as many keys that start `offset` tokens before them: a query at q meets a key at k
 * when 0 <= q - k < window.
 */
const pairsBetween = (offset: number, length: number, window: number | null): number =>
  pairsUpTo(whole(window) - 1 - offset, length) - pairsUpTo(-offset - 1, length);

/** Within one sequence: s (s + 1) / 2 when every query sees all before it. */
export const pairsWithin = (sequence: number, window: number | null): number => pairsBetween(0, sequence, window);

/**
 * In step `step` of a ring of n ranks, a rank's share of a sequence against that of the rank `step` before it. The
 * sequence is cut into 2 n pieces and rank i holds the pieces i and 2 n - 1 - i, so that without a window every rank
 * meets as many pairs in every step: half of all in a later step (Brandon et al. 2023, Striped Attention, for the aim;
 * Megatron-Core for the order). With a window the ranks differ, and this is their mean.
 */
export const pairsInRing = (
  { step, ranks }: { step: number; ranks: number },
  sequence: number,
  window: number | null,
): number => {
  const piece = sequence / (2 * ranks);
  const held = (rank: number): readonly number[] => [rank, 2 * ranks - 1 - rank];
  let total = 0;
  for (let rank = 0; rank < ranks; rank++)
    for (const query of held(rank))
      for (const key of held((rank - step + ranks) % ranks))
        total += pairsBetween((query - key) * piece, piece, window);
  return total / ranks;
};
