/** Norms, residual additions and their dropout masks: the parts of a layer outside the split projections. */
import { compute, release, tensor } from '../effects/ask.ts';
import type { Program } from '../effects/effect.ts';
import type { Tensor } from '../effects/tensor.ts';
import { elementsOf } from '../effects/tensor.ts';
import type { Flat, LayerContext, Weight } from './context.ts';
import { activation, findWeight, releaseAfterWeights, scratch, weightOf } from './context.ts';

/** What keeps a norm's divisor from zero: the default of PyTorch's LayerNorm, and of Llama 2's RMSNorm. */
export const NORM_EPSILON = 1e-5;

const normOp = (context: LayerContext, pass: 'forward' | 'backward', { shape }: Tensor) =>
  ({
    kind: 'norm',
    norm: context.job.model.norm,
    pass,
    rows: shape[0]!,
    hidden: shape[1]!,
    epsilon: NORM_EPSILON,
    dtype: context.formats.activation,
    heads: null,
  }) as const;

interface Normed {
  readonly weights: Flat;
  readonly name: string;
  readonly input: Tensor;
}

/** input [rows, width] -> normalised, kept for backward. */
export function* normForward(context: LayerContext, { weights, name, input }: Normed): Program<Tensor> {
  const output = yield* activation(context, input.shape);
  yield* normInto(context, { weights, name, input, output });
  return output;
}
export function* normInto(
  context: LayerContext,
  { weights, name, input, output }: Normed & { output: Tensor },
): Program<void> {
  const gain = weightOf(weights, `${name} gain`).value;
  const bias = findWeight(weights, `${name} bias`)?.value;
  yield* compute(normOp(context, 'forward', input), [input, gain, ...(bias === undefined ? [] : [bias])], [output]);
}

/** gradient of the normalised [rows, width] -> gradient of the input, scratch. The given gradient stays. */
export function* normGradient(
  context: LayerContext,
  { weights, name, input, gradient }: Normed & { gradient: Tensor },
): Program<Tensor> {
  const result = yield* scratch(context, input.shape);
  const gain = weightOf(weights, `${name} gain`);
  const bias = findWeight(weights, `${name} bias`)?.gradient;
  const written = [result, gain.gradient, ...(bias === undefined ? [] : [bias])];
  yield* compute(normOp(context, 'backward', input), [input, gain.value, gradient], written);
  return result;
}
/** The same; the given gradient is given up. */
export function* normBackward(context: LayerContext, asked: Normed & { gradient: Tensor }): Program<Tensor> {
  const result = yield* normGradient(context, asked);
  yield* release(asked.gradient.block);
  return result;
}

/** Kept of a branch's end: the input of the norm behind it and the dropout's mask, where the model has them. */
export interface BranchSaved {
  readonly output: Tensor | null;
  readonly mask: Tensor | null;
}

/**
 * branch + its bias, or normed where the model has a norm there, + residual -> sum, kept for backward; the branch is given
 * up. `bias`: of the branch's last projection.
 */
export function* branchForward(
  context: LayerContext,
  {
    weights,
    name,
    branch,
    bias,
    residual,
  }: { weights: Flat; name: string; branch: Tensor; bias: Weight | null; residual: Tensor },
): Program<{ sum: Tensor; branch: BranchSaved }> {
  if (!context.job.model.postNorms) {
    const { sum, mask } = yield* residualForward(context, { branch, bias, residual });
    return { sum, branch: { output: null, mask } };
  }
  const normed = yield* normForward(context, { weights, name, input: branch });
  const { sum, mask } = yield* residualForward(context, { branch: normed, bias: null, residual });
  return { sum, branch: { output: branch, mask } };
}

/** branch + bias + residual -> sum; the branch is given up. `mask` is null without dropout. */
function* residualForward(
  context: LayerContext,
  { branch, bias, residual }: { branch: Tensor; bias: Weight | null; residual: Tensor },
): Program<{ sum: Tensor; mask: Tensor | null }> {
  const { dropout } = context.job.model;
  const dtype = context.formats.activation;
  const sum = yield* activation(context, residual.shape);
  const mask = dropout ? yield* tensor(residual.shape, 'uint8', 'activations') : null;
  const outputs = mask === null ? [sum] : [sum, mask];
  const read = [branch, residual, ...(bias === null ? [] : [bias.value])];
  const op = { kind: 'residual', pass: 'forward', elements: elementsOf(sum), dropout, bias: bias !== null } as const;
  yield* compute({ ...op, dtype }, read, outputs);
  yield* release(branch.block);
  return { sum, mask };
}

/**
 * The sum's gradient as the branch's last projection sees it, handed to `use`: behind the mask and the norm, if there are
 * any, in a tensor of its own, else itself. Gives up what was saved; the sum's gradient stays.
 */
export function* branchBackward(
  context: LayerContext,
  { weights, name, gradient, saved }: { weights: Flat; name: string; gradient: Tensor; saved: BranchSaved },
  use: (gradient: Tensor) => Program<Tensor>,
): Program<Tensor> {
  let reached = gradient;
  if (saved.mask !== null) reached = yield* masked(context, gradient, saved.mask);
  if (saved.output !== null) {
    const behind = reached;
    reached = yield* normGradient(context, { weights, name, input: saved.output, gradient: behind });
    if (behind !== gradient) yield* release(behind.block);
    yield* release(saved.output.block);
  }
  const result = yield* use(reached);
  if (reached !== gradient) yield* releaseAfterWeights(context, reached);
  if (saved.mask !== null) yield* release(saved.mask.block);
  return result;
}

function* masked(context: LayerContext, gradient: Tensor, mask: Tensor): Program<Tensor> {
  const result = yield* scratch(context, gradient.shape);
  const dtype = context.formats.activation;
  const op = {
    kind: 'residual',
    pass: 'backward',
    elements: elementsOf(gradient),
    dropout: true,
    bias: false,
  } as const;
  yield* compute({ ...op, dtype }, [gradient, mask], [result]);
  return result;
}

/** into += addend. */
export function* addInto(context: LayerContext, into: Tensor, addend: Tensor): Program<void> {
  const dtype = context.formats.activation;
  yield* compute({ kind: 'add', elements: elementsOf(into), dtype }, [into, addend], [into]);
}
