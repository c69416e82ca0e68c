/** An MLP split over the tensor ranks: projection up, non-linearity, projection down. */
import { compute, release, section } from '../effects/ask.ts';
import type { Program } from '../effects/effect.ts';
import type { Tensor } from '../effects/tensor.ts';
import type { Activation } from '../kernels/op/element-wise.ts';
import type { Flat, LayerContext } from './context.ts';
import { activation, findWeight, releaseAfterWeights, scratch, weightOf } from './context.ts';
import type { Allocated } from './projection.ts';
import { biasBackward, columnBackward, columnForward, rowBackward, rowForward } from './projection.ts';

/** Which MLP: the name before `up` and `down` of its weights, and its width on this rank. */
export interface Mlp {
  readonly weights: Flat;
  readonly name: 'mlp' | 'shared';
  readonly width: number;
}
/** Kept for backward. A null was dropped, to be computed again. */
export interface MlpSaved {
  readonly up: Tensor;
  readonly activated: Tensor | null;
}
export const mlpTensors = ({ up, activated }: MlpSaved): readonly Tensor[] =>
  activated === null ? [up] : [up, activated];

/** The non-linearity of so many outputs, with its second input where the model's is gated. */
export const activationOp = (
  { job, formats }: LayerContext,
  pass: Activation['pass'],
  { elements, width, weighted }: Pick<Activation, 'elements' | 'width' | 'weighted'>,
): Activation => ({
  kind: 'activation',
  activation: job.model.activation,
  gated: job.model.gated,
  pass,
  elements,
  width,
  weighted,
  dtype: formats.activation,
});
/** Projections into an MLP of that width. */
export const upWidth = ({ job }: LayerContext, width: number): number => (job.model.gated ? 2 : 1) * width;

const outputsOf = ({ tokens }: LayerContext, width: number) => ({ elements: tokens * width, width, weighted: false });

function* activate(context: LayerContext, up: Tensor, width: number): Program<Tensor> {
  const activated = yield* activation(context, [context.tokens, width]);
  yield* compute(activationOp(context, 'forward', outputsOf(context, width)), [up], [activated]);
  return activated;
}

/** normalised [rows, h] -> output [rows, h], and what was kept of the way. */
export function* splitMlpForward(
  context: LayerContext,
  { weights, name, width }: Mlp,
  { normalised, dropsActivated, allocated }: { normalised: Tensor; dropsActivated: boolean; allocated: Allocated },
): Program<{ output: Tensor; saved: MlpSaved }> {
  const weight = weightOf(weights, `${name} up`).value;
  const bias = findWeight(weights, `${name} up bias`);
  const up = yield* columnForward(context, normalised, { weight, bias, width: upWidth(context, width) });
  const activated = yield* activate(context, up, width);
  const down = weightOf(weights, `${name} down`).value;
  const output = yield* rowForward(context, { input: activated, weight: down, allocated });
  if (dropsActivated) yield* release(activated.block);
  return { output, saved: { up, activated: dropsActivated ? null : activated } };
}

/** gradient of the output [rows, h], which stays -> gradient of the activated [T, width], scratch. */
export function* splitMlpDown(
  context: LayerContext,
  { weights, name, width }: Mlp,
  { saved: { up, activated: kept }, gradient }: { saved: MlpSaved; gradient: Tensor },
): Program<Tensor> {
  const activated =
    kept ?? (yield* section(`recompute ${name} activation`, () => activate(context, up, width), { term: 'recompute' }));
  yield* biasBackward(context, { gradients: [gradient], bias: findWeight(weights, `${name} down bias`) });
  const weight = weightOf(weights, `${name} down`);
  const toActivated = yield* rowBackward(context, { input: activated, gradient, weight });
  yield* releaseAfterWeights(context, activated);
  return toActivated;
}

/** gradient of the activated, which is given up with `up` -> gradient of the normalised [rows, h], scratch. */
export function* splitMlpUp(
  context: LayerContext,
  { weights, name, width }: Mlp,
  { up, toActivated, normalised }: { up: Tensor; toActivated: Tensor; normalised: () => Program<Tensor> },
): Program<Tensor> {
  const toUp = yield* scratch(context, up.shape);
  yield* compute(activationOp(context, 'backward', outputsOf(context, width)), [up, toActivated], [toUp]);
  yield* release(toActivated.block);
  yield* release(up.block);
  yield* biasBackward(context, { gradients: [toUp], bias: findWeight(weights, `${name} up bias`) });
  const weight = weightOf(weights, `${name} up`);
  return yield* columnBackward(context, { input: yield* normalised(), gradients: [toUp], weight });
}
