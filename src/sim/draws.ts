/** Seeded randomness by name: a new stream does not shift the others. */
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

type Generator = ReturnType<typeof xoroshiro128plus>;

/** FNV-1a over the name, from the seed. */
const seedOf = (seed: number, stream: string): number => {
  let hash = (2166136261 ^ seed) >>> 0;
  for (let index = 0; index < stream.length; index++) hash = Math.imul(hash ^ stream.charCodeAt(index), 16777619) >>> 0;
  return hash | 0;
};

export class Draws {
  readonly #seed: number;
  readonly #streams = new Map<string, Generator>();
  constructor(seed: number) {
    this.#seed = seed;
  }

  /** The stream's next number, from 0 (included) to 1 (excluded). */
  next(stream: string): number {
    let generator = this.#streams.get(stream);
    if (generator === undefined) this.#streams.set(stream, (generator = xoroshiro128plus(seedOf(this.#seed, stream))));
    return uniformFloat64(generator);
  }
}
