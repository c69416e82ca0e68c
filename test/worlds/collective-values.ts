/** What the collectives of `exec-programs.ts` must leave behind, by the arithmetic alone. */
import { segmentLength, segmentStart } from '../../src/effects/tensor.ts';
import type { CollectiveCase } from './collective-case.ts';
import { positions } from './collective-case.ts';
import { valueAt } from './exec-programs.ts';

/** What the member at `position` holds in the end, in the tensor that the operation fills. */
export const leftAt = (asked: CollectiveCase, position: number): number[] => {
  const { operation, elements, ranks } = asked;
  const { size } = ranks;
  const sums = positions(elements).map((element) =>
    positions(size).reduce((total, member) => total + valueAt(member, element), 0),
  );
  switch (operation) {
    case 'all-reduce':
      return sums;
    case 'reduce-scatter': {
      const start = segmentStart(elements, size, position);
      return sums.slice(start, start + segmentLength(elements, size, position));
    }
    case 'all-gather':
      return positions(size).flatMap((owner) =>
        positions(segmentLength(elements, size, owner)).map((element) => valueAt(owner, element)),
      );
    case 'all-to-all':
      return positions(size).flatMap((from) => exchanged(asked, from, position));
    case 'shift':
      return positions(elements).map((element) => valueAt((position + size - 1) % size, element));
    default:
      return operation satisfies never;
  }
};

/** What one member has for another: as many elements as segment `from + to` has, round the group. */
const exchanged = ({ elements, ranks: { size } }: CollectiveCase, from: number, to: number): number[] => {
  const lengthFor = (other: number): number => segmentLength(elements, size, (from + other) % size);
  const start = positions(to).reduce((total, other) => total + lengthFor(other), 0);
  return positions(lengthFor(to)).map((index) => valueAt(from, start + index));
};
