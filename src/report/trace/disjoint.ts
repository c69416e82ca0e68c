/** Puts what overlaps on tracks of its own: readers of timelines want slices of a track to nest, or to follow each other. */
import type { Instant } from '../../units/quantity.ts';

interface Slice {
  readonly start: Instant;
  readonly end: Instant;
}

/** In the order of time; each slice on the first track that is free by then. */
export const disjoint = <S extends Slice>(slices: readonly S[]): readonly (readonly S[])[] => {
  const tracks: S[][] = [];
  for (const slice of slices.toSorted((a, b) => a.start - b.start || a.end - b.end)) {
    const free = tracks.find((track) => track.at(-1)!.end <= slice.start);
    if (free === undefined) tracks.push([slice]);
    else free.push(slice);
  }
  return tracks;
};
