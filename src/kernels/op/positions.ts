/** Where the rows of a tensor stand in their sequences, and where a part of each row stands in a tensor. */

/**
 * Rows of `batch` sequences, one sequence behind another. Of each sequence there are the pieces that begin at `starts`, in
 * that order, `length` rows each: a context rank holds two pieces of every sequence, any other rank one.
 */
export interface Positions {
  readonly batch: number;
  readonly starts: readonly number[];
  readonly length: number;
}

/** The `width` columns a row begins at `start` in the tensor of that index among the operation's inputs or outputs. */
export interface Columns {
  readonly tensor: number;
  readonly start: number;
  /** Elements of a whole row of that tensor. */
  readonly stride: number;
}

/** Rows of one sequence. */
export const rowsOf = ({ starts, length }: Positions): number => starts.length * length;
