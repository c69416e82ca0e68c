/** How JSON leaves the house: keys in the order they are written in the code, two spaces, one newline at the end. */

export const jsonText = (value: object): string => `${JSON.stringify(value, null, 2)}\n`;

/** A record with `keys` in their order. */
export const keyed = <K extends string, V>(keys: readonly K[], value: (key: K) => V): Record<K, V> =>
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- built from all its keys, the record is total
  Object.fromEntries(keys.map((key) => [key, value(key)])) as Record<K, V>;
