/** Cosines and sines of rotary positions (Su et al. 2021), computed once in float64 and kept in fp32. */

/** Position after position: the cosines of its angles and, behind them, the sines. */
export class AngleTable {
  readonly #tables = new Map<string, Float32Array>();

  /** The rows of `length` positions from `start` on. */
  rows({ base, headDim }: { base: number; headDim: number }, start: number, length: number): Float32Array {
    const key = `${base} ${headDim}`;
    const known = this.#tables.get(key);
    if (known !== undefined && known.length >= (start + length) * headDim)
      return known.subarray(start * headDim, (start + length) * headDim);
    this.#tables.set(key, angles(base, headDim, start + length));
    return this.rows({ base, headDim }, start, length);
  }
}

/** Angle i of a position is the position times base^(-2 i / headDim). */
const angles = (base: number, headDim: number, positions: number): Float32Array => {
  const half = headDim / 2;
  const table = new Float32Array(positions * headDim);
  for (let pair = 0; pair < half; pair++) {
    const frequency = base ** ((-2 * pair) / headDim);
    for (let position = 0; position < positions; position++) {
      table[position * headDim + pair] = Math.cos(position * frequency);
      table[position * headDim + half + pair] = Math.sin(position * frequency);
    }
  }
  return table;
};
