/** How a tensor of a published model and one of ours hold the same numbers. */

/** A published tensor is some columns of a matrix of ours, laid out as it stands or transposed. */
export interface Correspondence {
  /** Its name in model.safetensors, and its shape there. */
  readonly published: string;
  readonly shape: readonly number[];
  readonly own: string;
  readonly ownShape: readonly number[];
  /** Of ours as a matrix: a vector is a matrix of one row. */
  readonly rows: number;
  readonly width: number;
  readonly first: number;
  readonly columns: number;
  readonly isTransposed: boolean;
}

/** A vector, or some of the elements of one of `width`. */
export const vector = (
  published: string,
  own: string,
  { width, first = 0, columns = width }: { readonly width: number; readonly first?: number; readonly columns?: number },
): Correspondence => ({
  published,
  shape: [columns],
  own,
  ownShape: [width],
  rows: 1,
  width,
  first,
  columns,
  isTransposed: false,
});

/** A matrix that both lay out alike: tables, and GPT-2's projections [inputs, outputs]. */
export const matrix = (published: string, own: string, [rows, width]: readonly [number, number]): Correspondence => ({
  published,
  shape: [rows, width],
  own,
  ownShape: [rows, width],
  rows,
  width,
  first: 0,
  columns: width,
  isTransposed: false,
});

/** A projection: ours is [inputs, outputs], of which this one has some, and a published one [outputs, inputs]. */
export const linear = (
  published: string,
  own: string,
  {
    inputs,
    width,
    first = 0,
    columns = width,
  }: { readonly inputs: number; readonly width: number; readonly first?: number; readonly columns?: number },
): Correspondence => ({
  published,
  shape: [columns, inputs],
  own,
  ownShape: [inputs, width],
  rows: inputs,
  width,
  first,
  columns,
  isTransposed: true,
});

/** The published tensor's numbers, from all of ours. */
export const publishedFrom = (whole: Float32Array, one: Correspondence): Float32Array => {
  const values = new Float32Array(one.rows * one.columns);
  eachRow(one, (at, start, step) => {
    for (let column = 0; column < one.columns; column += 1) values[start + column * step] = whole[at + column]!;
  });
  return values;
};

/** Puts the published tensor's numbers in their places among ours. */
export const ownFrom = (values: Float32Array, one: Correspondence, whole: Float32Array): void =>
  eachRow(one, (at, start, step) => {
    for (let column = 0; column < one.columns; column += 1) whole[at + column] = values[start + column * step]!;
  });

/** For each of our rows: where its columns stand in ours, and where, and how far apart, in the published tensor. */
const eachRow = (
  { rows, width, first, columns, isTransposed }: Correspondence,
  use: (at: number, start: number, step: number) => void,
): void => {
  for (let row = 0; row < rows; row += 1)
    use(row * width + first, isTransposed ? row : row * columns, isTransposed ? rows : 1);
};
