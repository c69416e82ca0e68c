/** Where a rank's part of a tensor stands in the whole, range by range: what layouts have in common. */
import type { Share, ShareRun } from '../../effects/share.ts';

/** `length` elements that follow one another in both. */
export interface Range {
  /** From the start of the run. */
  readonly local: number;
  /** From the start of the whole without padding. */
  readonly whole: number;
  readonly length: number;
}

/** Elements of a rank's part, padding included. */
export const elementsOfPart = ({ outer, groups, inner, ranks }: Share): number =>
  groups.reduce((sum, group) => sum + (outer * group * inner) / ranks, 0);

/**
 * The ranges of a run, ascending in both counts, neighbours joined; padding is in none of them. With `n` rows and `g`
 * groups in the run there are at most n g of them, whatever the length of a row.
 */
export const rangesOf = ({ share, start, length }: ShareRun): readonly Range[] => {
  const size = elementsOfPart(share);
  if (start < 0 || start + length > size)
    throw new RangeError(`${share.name}: elements ${start} to ${start + length} of a part of ${size}`);
  const found: Range[] = [];
  const rowSize = size / share.outer;
  const end = start + length;
  for (let row = Math.floor(start / rowSize); row * rowSize < end; row += 1)
    for (const piece of piecesOfRow(share, row)) {
      const first = Math.max(piece.local, start);
      const last = Math.min(piece.local + piece.length, end);
      if (first < last)
        append(found, { local: first - start, whole: piece.whole + first - piece.local, length: last - first });
    }
  return found;
};

/** One of each group. Rows of the middle from `present` on are padding. */
const piecesOfRow = ({ outer, groups, inner, ranks, index, present }: Share, row: number): readonly Range[] => {
  if (row >= outer) return [];
  const width = groups.reduce((sum, group) => sum + group / ranks, 0);
  let local = row * width;
  let start = 0;
  return groups.map((group) => {
    const own = group / ranks;
    const at = start + index * own;
    const piece = {
      local: local * inner,
      whole: (row * present + at) * inner,
      length: Math.max(0, Math.min(own, present - at)) * inner,
    };
    local += own;
    start += group;
    return piece;
  });
};

const append = (ranges: Range[], next: Range): void => {
  const last = ranges.at(-1);
  const follows =
    last !== undefined && last.local + last.length === next.local && last.whole + last.length === next.whole;
  if (follows) ranges[ranges.length - 1] = { ...last, length: last.length + next.length };
  else ranges.push(next);
};

/** A whole tensor as one part of itself. */
export const wholeRun = (name: string, shape: readonly number[]): ShareRun => {
  const length = shape.reduce((product, dimension) => product * dimension, 1);
  const initial = { kind: 'constant', value: 0 } as const;
  const cut = { outer: 1, groups: [length], inner: 1, ranks: 1, index: 0, present: length };
  return { share: { name, shape, ...cut, initial, decays: false }, start: 0, length };
};
