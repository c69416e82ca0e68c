/** Least squares with coefficients that cannot be negative: the fit of costs, each of which takes time or none. */

/**
 * The nonnegative x for which the sum over rows of (row . x - 1)^2 is least, with as few coefficients above zero as will
 * do; the first is always above zero.
 */
export const nonNegativeFit = (rows: readonly (readonly number[])[], columns: number): readonly number[] => {
  let best: { x: readonly number[]; residual: number } | null = null;
  for (const used of choicesOf(columns)) {
    if (used.length > rows.length) continue;
    const solved = solve(rows, used);
    if (solved === null || solved.some((value) => value < 0)) continue;
    const x = Array.from({ length: columns }, (_, column) => solved[used.indexOf(column)] ?? 0);
    const residual = residualOf(rows, x);
    if (best === null || residual < best.residual * (1 - WORTHWHILE)) best = { x, residual };
  }
  if (best === null) throw new RangeError(`no fit of ${rows.length} rows`);
  return best.x;
};
/** Further coefficients have to explain this share of what is not explained without them: noise explains some. */
const WORTHWHILE = 0.2;

/** Every set of columns with the first among them, small ones first. */
const choicesOf = (columns: number): readonly (readonly number[])[] => {
  const sets = Array.from({ length: 2 ** (columns - 1) }, (_, bits) =>
    Array.from({ length: columns }, (__, column) => column).filter(
      (column) => column === 0 || ((bits >> (column - 1)) & 1) === 1,
    ),
  );
  return sets.toSorted((a, b) => a.length - b.length);
};

const residualOf = (rows: readonly (readonly number[])[], x: readonly number[]): number =>
  rows.reduce((sum, row) => sum + (dot(row, x) - 1) ** 2, 0);
const dot = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, value, index) => sum + value * b[index]!, 0);

/** Solves the normal equations of the used columns, each scaled to length one; null where they depend on each other. */
const solve = (rows: readonly (readonly number[])[], used: readonly number[]): readonly number[] | null => {
  const lengths = used.map((column) => Math.hypot(...rows.map((row) => row[column]!)));
  if (lengths.some((length) => length === 0)) return null;
  const scaled = rows.map((row) => used.map((column, index) => row[column]! / lengths[index]!));
  const matrix = used.map((_, i) => [
    ...used.map((__, j) => scaled.reduce((sum, row) => sum + row[i]! * row[j]!, 0)),
    scaled.reduce((sum, row) => sum + row[i]!, 0),
  ]);
  const x = eliminate(matrix);
  return x === null ? null : x.map((value, index) => value / lengths[index]!);
};

/** Below this a pivot is what rounding has left of zero. */
const PIVOT_MIN = 1e-9;

/** Gauss and Jordan, without exchanges: the matrix is symmetric and positive. */
const eliminate = (matrix: readonly number[][]): readonly number[] | null => {
  for (const [pivot, row] of matrix.entries()) {
    const scale = row[pivot]!;
    if (scale < PIVOT_MIN) return null;
    for (let column = pivot; column < row.length; column++) row[column]! /= scale;
    for (const [index, other] of matrix.entries()) {
      const factor = other[pivot]!;
      if (index === pivot || factor === 0) continue;
      for (let column = pivot; column < other.length; column++) other[column]! -= factor * row[column]!;
    }
  }
  return matrix.map((row) => row.at(-1)!);
};
