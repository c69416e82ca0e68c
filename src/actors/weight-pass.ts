/** A backward pass in two: the gradients of the inputs now, those of the weights in a pass of their own. */
import { section } from '../effects/ask.ts';
import type { Program } from '../effects/effect.ts';
import type { Tensor } from '../effects/tensor.ts';
import type { LayerContext } from '../model/context.ts';
import type { Returns } from './offload-copies.ts';
import { returnAhead } from './offload-copies.ts';
import type { Beside, UnitAtWork, UnitSaved } from './unit-pass.ts';
import { momentOf, nameOf, unitBackward } from './unit-pass.ts';

/** What is left to do for the weights of a unit; a world may have replayed the pass that left it. */
export type WeightPass = () => Program<void>;

export interface InputsResult {
  /** Of the first unit's input; null at the embedding. */
  readonly gradient: Tensor | null;
  /** By unit, in the order of the data. */
  readonly weights: readonly WeightPass[];
}

/** The units in reverse order, for the gradients of their inputs. */
export function* backwardInputs(
  context: LayerContext,
  units: readonly UnitAtWork[],
  { saved, gradient }: { saved: readonly UnitSaved[]; gradient: Tensor | null },
  beside: Beside<Returns> | null = null,
): Program<InputsResult> {
  const weights: WeightPass[] = [];
  let flow = gradient;
  for (let index = units.length - 1; index >= 0; index--) {
    const unit = units[index]!;
    const into = flow;
    if (beside !== null) yield* returnAhead(beside.copies, beside.start + index);
    const inputs = () => unitInputs(context, unit, { saved: saved[index]!, gradient: into });
    const one = yield* section(nameOf('backward inputs', unit), inputs, momentOf(beside));
    weights.unshift(() => section(nameOf('weight', unit), () => inOrder(one.weights)));
    flow = one.gradient;
  }
  return { gradient: flow, weights };
}

/** The units' weight passes in reverse order, as backward left them. */
export const backwardWeights = (weights: readonly WeightPass[]): Program<void> => inOrder(weights.toReversed());

/** What the unit puts off is part of the answer, so that it is there when a section is replayed. */
function* unitInputs(
  context: LayerContext,
  unit: UnitAtWork,
  { saved, gradient }: { saved: UnitSaved; gradient: Tensor | null },
): Program<InputsResult> {
  const deferred: WeightPass[] = [];
  const result = yield* unitBackward({ ...context, deferred }, unit, { saved, gradient });
  return { gradient: result, weights: deferred };
}

function* inOrder(programs: readonly WeightPass[]): Program<void> {
  for (const program of programs) yield* program();
}
