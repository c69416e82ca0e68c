/** Numbers that are needed for a moment, again and again. */

/** One array for all: whoever asks next gets it, grown if need be. */
export class Room {
  #numbers = new Float64Array(0);

  /** So many numbers, all -1; those given out before are gone. */
  ofLength(length: number): Float64Array {
    if (length > this.#numbers.length) this.#numbers = new Float64Array(2 * length);
    return this.#numbers.subarray(0, length).fill(-1);
  }
}
