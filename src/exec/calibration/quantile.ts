/** Robust figures of repeated runs: on a machine that others use too, noise only ever adds time. */

/** The value below which that share of the values lies; the next smaller one of those there are. */
export const quantile = (values: readonly number[], share: number): number => {
  if (values.length === 0) throw new RangeError('the quantile of no values');
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(share * (sorted.length - 1))]!;
};

/** What a run takes when nobody disturbs it: few runs are faster. */
const UNDISTURBED = 0.1;
export const undisturbed = (values: readonly number[]): number => quantile(values, UNDISTURBED);

/** How much longer the middle run takes, as a share: how disturbed the machine was. */
export const spreadOf = (values: readonly number[]): number => quantile(values, 0.5) / undisturbed(values) - 1;

/** Without the runs of the beginning, while compilers warmed up. */
export const warm = (values: readonly number[]): readonly number[] => values.slice(Math.floor(values.length / 3));
