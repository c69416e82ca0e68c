/** A field of a row as it was filled: the value, and in words what had to be assumed for it. */
export interface Filled<T> {
  readonly value: T;
  /** Empty when the row states the value. */
  readonly assumed: readonly string[];
}

export const stated = <T>(value: T): Filled<T> => ({ value, assumed: [] });
export const assume = <T>(value: T, words: string): Filled<T> => ({ value, assumed: [words] });
