/** Round numbers along an axis. */

/** Ascending, at most `count` of them, all between `from` and `to`; apart by 1, 2 or 5 times a power of ten. */
export const ticksBetween = (from: number, to: number, count: number): readonly number[] => {
  if (!(to > from) || count < 1) return [];
  const step = stepFor((to - from) / count);
  const first = Math.ceil(from / step);
  const last = Math.floor(to / step);
  // Multiples are computed one by one: sums of steps would drift.
  return Array.from({ length: last - first + 1 }, (_, index) => tidy((first + index) * step));
};

const stepFor = (least: number): number => {
  const power = 10 ** Math.floor(Math.log10(least));
  const factor = [1, 2, 5].find((one) => one * power >= least) ?? 10;
  return factor * power;
};

/** 0.30000000000000004 is 0.3. */
const tidy = (value: number): number => Number(value.toPrecision(12));
