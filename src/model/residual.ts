/** Norms, residual additions and their dropout masks: the parts of a layer outside the split projections. */
import { compute, release, tensor } from '../effects/ask.ts';
import type { Program } from '../effects/effect.ts';
import type { Tensor } from '../effects/tensor.ts';
import { elementsOf } from '../effects/tensor.ts';
import type { LayerContext } from './context.ts';
import { activation, scratch, view } from './context.ts';
import type { UnitKind } from './unit.ts';

const normOp = (context: LayerContext, pass: 'forward' | 'backward') =>
  ({
    kind: 'norm',
    norm: context.job.model.norm,
    pass,
    rows: context.rows,
    hidden: context.job.model.hidden,
    dtype: context.formats.activation,
  }) as const;

/** input [rows, h] -> normalised, kept for backward. */
export function* normForward(
  context: LayerContext,
  { values, unit, name, input }: { values: Tensor; unit: UnitKind; name: string; input: Tensor },
): Program<Tensor> {
  const output = yield* activation(context, input.shape);
  const gain = view(values, context.parameters[unit], `${name} gain`);
  yield* compute(normOp(context, 'forward'), [input, gain], [output]);
  return output;
}

/** gradient of the normalised [rows, h] -> gradient of the input, scratch; the given gradient is given up. */
export function* normBackward(
  context: LayerContext,
  {
    values,
    gradients,
    unit,
    name,
    input,
    gradient,
  }: {
    values: Tensor;
    gradients: Tensor;
    unit: UnitKind;
    name: string;
    input: Tensor;
    gradient: Tensor;
  },
): Program<Tensor> {
  const result = yield* scratch(context, input.shape);
  const parameters = context.parameters[unit];
  const gain = view(values, parameters, `${name} gain`);
  const gainGradient = view(gradients, parameters, `${name} gain`);
  yield* compute(normOp(context, 'backward'), [input, gain, gradient], [result, gainGradient]);
  yield* release(gradient.block);
  return result;
}

/** branch + residual -> sum, kept for backward; the branch is given up. `mask` is null without dropout. */
export function* residualForward(
  context: LayerContext,
  branch: Tensor,
  residual: Tensor,
): Program<{ sum: Tensor; mask: Tensor | null }> {
  const { dropout } = context.job.model;
  const dtype = context.formats.activation;
  const sum = yield* activation(context, residual.shape);
  const mask = dropout ? yield* tensor(residual.shape, 'uint8', 'activations') : null;
  const outputs = mask === null ? [sum] : [sum, mask];
  const elements = elementsOf(sum);
  yield* compute({ kind: 'residual', pass: 'forward', elements, dropout, dtype }, [branch, residual], outputs);
  yield* release(branch.block);
  return { sum, mask };
}

/** The sum's gradient as the branch sees it: masked into a new tensor with dropout, else the gradient itself. */
export function* branchGradient(
  context: LayerContext,
  gradient: Tensor,
  mask: Tensor | null,
  use: (gradient: Tensor) => Program<Tensor>,
): Program<Tensor> {
  if (mask === null) return yield* use(gradient);
  const masked = yield* scratch(context, gradient.shape);
  const dtype = context.formats.activation;
  const elements = elementsOf(gradient);
  yield* compute({ kind: 'residual', pass: 'backward', elements, dropout: true, dtype }, [gradient, mask], [masked]);
  const result = yield* use(masked);
  yield* release(masked.block);
  return result;
}

/** into += addend. */
export function* addInto(context: LayerContext, into: Tensor, addend: Tensor): Program<void> {
  const dtype = context.formats.activation;
  yield* compute({ kind: 'add', elements: elementsOf(into), dtype }, [into, addend], [into]);
}
