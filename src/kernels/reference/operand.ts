/** What the reference computes on: numbers in float64, and outputs that come holding what they held. */

/** Reads the inputs and writes into the outputs, each in the order that the operation's interface names. */
export type Reference<O> = (op: O, inputs: readonly Float64Array[], outputs: readonly Float64Array[]) => void;

/** The operand in that place, counted from the end if negative, which must hold at least `length` numbers. */
export const operand = (operands: readonly Float64Array[], place: number, length = 0): Float64Array => {
  const found = operands.at(place);
  if (found === undefined) throw new TypeError(`there are ${operands.length} operands, and none in place ${place}`);
  if (found.length < length)
    throw new RangeError(`operand ${place} must hold ${length} numbers, and holds ${found.length}`);
  return found;
};
