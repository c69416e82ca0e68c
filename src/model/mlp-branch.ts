/** The MLP branch of a layer: norm, projection up, non-linearity, projection down, residual. */
import { compute, release, section } from '../effects/ask.ts';
import type { Program } from '../effects/effect.ts';
import type { Tensor } from '../effects/tensor.ts';
import type { Activation } from '../kernels/op/element-wise.ts';
import type { RecomputeModule } from '../scenario/job.ts';
import type { LayerContext } from './context.ts';
import { activation, scratch, view } from './context.ts';
import type { UnitWeights } from './context.ts';
import { biasBackward, columnBackward, columnForward, rowBackward, rowForward } from './projection.ts';
import { branchGradient, normBackward, normForward, residualForward } from './residual.ts';

/** Kept for backward. A null was dropped, to be computed again. */
export interface MlpSaved {
  readonly normalised: Tensor | null;
  readonly up: Tensor;
  readonly activated: Tensor | null;
  readonly mask: Tensor | null;
}
export const mlpTensors = ({ normalised, up, activated, mask }: MlpSaved): readonly Tensor[] =>
  [normalised, up, activated, mask].filter((tensor) => tensor !== null);

const upWidth = ({ ffn, job }: LayerContext): number => (job.model.gated ? 2 : 1) * ffn;
const norm = (context: LayerContext, values: Tensor, input: Tensor): Program<Tensor> =>
  normForward(context, { values, unit: 'layer', name: 'mlp norm', input });
const activationOp = (context: LayerContext, pass: Activation['pass']): Activation => ({
  kind: 'activation',
  activation: context.job.model.activation,
  gated: context.job.model.gated,
  pass,
  elements: context.tokens * context.ffn,
  dtype: context.formats.activation,
});
function* activate(context: LayerContext, up: Tensor): Program<Tensor> {
  const activated = yield* activation(context, [context.tokens, context.ffn]);
  yield* compute(activationOp(context, 'forward'), [up], [activated]);
  return activated;
}

/** input [rows, h] -> residual + mlp(norm(input)); in a parallel block input and residual differ. */
export function* mlpForward(
  context: LayerContext,
  {
    values,
    input,
    residual,
    drops,
  }: {
    values: Tensor;
    input: Tensor;
    residual: Tensor;
    drops: ReadonlySet<RecomputeModule>;
  },
): Program<{ output: Tensor; saved: MlpSaved }> {
  const parameters = context.parameters.layer;
  const normalised = yield* norm(context, values, input);
  const up = yield* columnForward(context, normalised, view(values, parameters, 'mlp up'), upWidth(context));
  if (drops.has('layernorm')) yield* release(normalised.block);
  const activated = yield* activate(context, up);
  const branch = yield* rowForward(context, activated, view(values, parameters, 'mlp down'), context.ffn);
  if (drops.has('mlp_act')) yield* release(activated.block);
  const { sum, mask } = yield* residualForward(context, branch, residual);
  const saved: MlpSaved = {
    normalised: drops.has('layernorm') ? null : normalised,
    up,
    activated: drops.has('mlp_act') ? null : activated,
    mask,
  };
  return { output: sum, saved };
}

/** Gradient of the sum -> gradient that reaches the input through the branch, scratch; gives up what was saved. */
export function* mlpBackward(
  context: LayerContext,
  { weights, saved, input, gradient }: { weights: UnitWeights; saved: MlpSaved; input: Tensor; gradient: Tensor },
): Program<Tensor> {
  const { values, gradients } = weights;
  const parameters = context.parameters.layer;
  const activated =
    saved.activated ??
    (yield* section('recompute activation', () => activate(context, saved.up), { term: 'recompute' }));
  const toActivated = yield* branchGradient(context, gradient, saved.mask, (branch) =>
    downBackward(context, weights, activated, branch),
  );
  yield* release(activated.block);
  if (saved.mask !== null) yield* release(saved.mask.block);
  const toUp = yield* scratch(context, [context.tokens, upWidth(context)]);
  yield* compute(activationOp(context, 'backward'), [saved.up, toActivated], [toUp]);
  yield* release(toActivated.block);
  yield* release(saved.up.block);
  if (context.job.model.bias.mlp)
    yield* biasBackward(context, { gradient: toUp, bias: view(gradients, parameters, 'mlp up bias') });
  const normalised =
    saved.normalised ?? (yield* section('recompute norm', () => norm(context, values, input), { term: 'recompute' }));
  const weight = { value: view(values, parameters, 'mlp up'), gradient: view(gradients, parameters, 'mlp up') };
  const toNorm = yield* columnBackward(context, { input: normalised, gradient: toUp, weight, width: upWidth(context) });
  yield* release(toUp.block);
  yield* release(normalised.block);
  return yield* normBackward(context, { ...weights, unit: 'layer', name: 'mlp norm', input, gradient: toNorm });
}

function* downBackward(
  context: LayerContext,
  { values, gradients }: UnitWeights,
  activated: Tensor,
  gradient: Tensor,
): Program<Tensor> {
  const parameters = context.parameters.layer;
  if (context.job.model.bias.mlp)
    yield* biasBackward(context, { gradient, bias: view(gradients, parameters, 'mlp down bias') });
  const weight = { value: view(values, parameters, 'mlp down'), gradient: view(gradients, parameters, 'mlp down') };
  return yield* rowBackward(context, { input: activated, gradient, weight, width: context.ffn });
}
