/**
 * Philox4x32-10 (Salmon et al., SC 2011): random bits as a function of a key and a counter, so that any element of any
 * tensor can be drawn without those before it. It passes BigCrush, and its authors publish the answers it must give.
 */
export type PhiloxKey = readonly [number, number];

const ROUNDS = 10;
const MULTIPLIER_0 = 0xd251_1f53;
const MULTIPLIER_1 = 0xcd9e_8d57;
const STEP_0 = 0x9e37_79b9;
const STEP_1 = 0xbb67_ae85;

/** Writes four words of 32 bits, of the counter (low, high, third, fourth) under the key. */
export const philox = (
  out: Uint32Array,
  [key0, key1]: PhiloxKey,
  [low, high, third, fourth]: readonly [number, number, number, number],
): void => {
  let [c0, c1, c2, c3] = [low, high, third, fourth];
  let [k0, k1] = [key0, key1];
  for (let round = 0; round < ROUNDS; round += 1) {
    const high0 = highProduct(MULTIPLIER_0, c0);
    const high1 = highProduct(MULTIPLIER_1, c2);
    const low0 = Math.imul(MULTIPLIER_0, c0);
    const low1 = Math.imul(MULTIPLIER_1, c2);
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 = (k0 + STEP_0) | 0;
    k1 = (k1 + STEP_1) | 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
};

/** The upper 32 bits of the product of two words of 32 bits, from the products of their halves. */
const highProduct = (a: number, b: number): number => {
  const [aHigh, aLow] = [a >>> 16, a & 0xffff];
  const [bHigh, bLow] = [b >>> 16, b & 0xffff];
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const carry = (middle & 0xffff) + aLow * bHigh;
  return (aHigh * bHigh + Math.floor(middle / 0x1_0000) + Math.floor(carry / 0x1_0000)) | 0;
};
