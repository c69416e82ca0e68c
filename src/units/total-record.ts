/** Records with an entry for every key of a closed set. */
export const totalRecord = <K extends string, V>(
  keys: readonly K[],
  valueOf: (key: K, index: number) => V,
): Readonly<Record<K, V>> =>
  Object.fromEntries(keys.map((key, index) => [key, valueOf(key, index)])) as Readonly<Record<K, V>>;
