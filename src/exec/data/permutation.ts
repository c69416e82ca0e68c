/** A shuffle that is computed for one place at a time: nothing is stored, and any sample of any epoch can be found at once. */

/** One of many orders: another seed or another round is another order. */
export interface Order {
  readonly count: number;
  readonly seed: number;
  readonly round: number;
}

/**
 * Where `index` goes in an order of `count` things, a different place for every index. Swap-or-not (Hoang, Morris and
 * Rogaway 2012, arXiv 1208.1176): in every turn, pairs of places that add up to a pivot swap or stay by the toss of a coin
 * which both see.
 */
export const placeOf = (index: number, { count, seed, round }: Order): number => {
  const key = mixed(mixed(mixed(0, seed % WORD), Math.floor(seed / WORD)), round);
  let place = index;
  for (let turn = 0; turn < TURNS; turn++) {
    const coin = mixed(key, turn);
    const partner = ((mixed(coin, PIVOT) % count) + count - place) % count;
    const isSwapped = (mixed(coin, Math.max(place, partner)) & 1) === 1;
    if (isSwapped) place = partner;
  }
  return place;
};

const WORD = 2 ** 32;
/** As in Ethereum, which shuffles up to millions of validators with it (SHUFFLE_ROUND_COUNT of its consensus rules). */
const TURNS = 90;
/** No place is as large: the pivot's coin is none of the pairs'. */
const PIVOT = WORD - 1;

/** A whole number below 2^32 from a key and a word, stirred as MurmurHash3 ends (https://github.com/aappleby/smhasher). */
const mixed = (key: number, word: number): number => {
  let hash = (Math.imul(key ^ 0x9e3779b9, 0x85ebca6b) + word) | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
};
