/** Which elements of a whole tensor its pieces hold: of each state all of them, or the checkpoint is not whole. */
import type { State } from '../../effects/share.ts';
import { elementsOfShape, STATES } from '../../effects/share.ts';
import type { TensorPieces } from './manifest.ts';
import { runOfPiece } from './manifest.ts';
import type { Range } from './ranges.ts';
import { rangesOf } from './ranges.ts';

/** Of every state that there is any of, the first element that is missing of each tensor, in words. */
export const gapsIn = (tensors: Readonly<Record<string, TensorPieces>>): readonly string[] => {
  const pieces = Object.values(tensors).flatMap((tensor) => tensor.pieces);
  const states = STATES.filter((state) => pieces.some((piece) => piece.state === state));
  return Object.entries(tensors).flatMap(([name, tensor]) => missingFrom(name, tensor, states));
};

const missingFrom = (name: string, tensor: TensorPieces, states: readonly State[]): readonly string[] =>
  states.flatMap((state) => {
    const ranges = tensor.pieces
      .filter((piece) => piece.state === state)
      .flatMap((piece) => rangesOf(runOfPiece(name, tensor, piece)));
    const end = firstGap(ranges);
    const size = elementsOfShape(tensor.shape);
    return end === size ? [] : [`element ${end} of the ${size} of the ${state} of ${name}`];
  });

const firstGap = (ranges: readonly Range[]): number => {
  let end = 0;
  for (const { whole, length } of ranges.toSorted((a, b) => a.whole - b.whole)) {
    if (whole > end) return end;
    end = Math.max(end, whole + length);
  }
  return end;
};
