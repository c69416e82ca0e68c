/** Which documents are kept from training: never the same one on both sides. */
import { placeOf } from './permutation.ts';
import type { TokenSlice } from './token-list.ts';

export interface Sides {
  readonly train: readonly TokenSlice[];
  readonly validation: readonly TokenSlice[];
}

/**
 * A share of the documents, drawn by their number alone: other seeds and other tokenizers keep the same ones, so that
 * their losses can be compared. Each side gets one at least. A single document gives its end.
 */
export const splitOf = (documents: readonly TokenSlice[], share: number): Sides => {
  const [only, ...others] = documents;
  if (share === 0 || only === undefined) return { train: documents, validation: [] };
  if (others.length === 0) {
    const kept = only.length - Math.round(share * only.length);
    return { train: [only.subarray(0, kept)], validation: [only.subarray(kept)] };
  }
  const count = documents.length;
  const held = Math.min(count - 1, Math.max(1, Math.round(share * count)));
  const isHeld = (_: TokenSlice, index: number): boolean => placeOf(index, { count, seed: 0, round: 0 }) < held;
  return {
    train: documents.filter((document, index) => !isHeld(document, index)),
    validation: documents.filter(isHeld),
  };
};
