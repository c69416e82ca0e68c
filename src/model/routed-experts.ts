/** The routed experts on one rank, all in one product each way: up, non-linearity weighted by the router, down. */
import { compute, release, section, tensor } from '../effects/ask.ts';
import type { Program } from '../effects/effect.ts';
import type { Tensor } from '../effects/tensor.ts';
import { elementsOf } from '../effects/tensor.ts';
import type { GroupedMatmul } from '../kernels/op/grouped-matmul.ts';
import type { LayerContext, UnitWeights, Weight } from './context.ts';
import { activation, findWeight, forWeights, releaseAfterWeights, scratch, weightOf } from './context.ts';
import type { ExpertShare } from './expert-share.ts';
import { biasBackward, quantised } from './projection.ts';
import { activationOp, upWidth } from './split-mlp.ts';

/** Rows at their experts [worked, h], and the router's weight of each. */
export interface Dispatched {
  readonly rows: Tensor;
  readonly weights: Tensor;
}
/** Kept for backward. A null was dropped, to be computed again. */
export interface ExpertsSaved extends Dispatched {
  readonly up: Tensor;
  readonly activated: Tensor | null;
}
export const expertTensors = ({ rows, weights, up, activated }: ExpertsSaved): readonly Tensor[] =>
  [rows, weights, up, activated].filter((tensor) => tensor !== null);

const product = (
  { formats }: LayerContext,
  share: ExpertShare,
  transpose: GroupedMatmul['transpose'],
  { n, k }: Pick<GroupedMatmul, 'n' | 'k'>,
): GroupedMatmul => ({
  kind: 'grouped-matmul',
  groups: share.count,
  rows: share.worked,
  sizes: share.sizes,
  n,
  k,
  transpose,
  dtype: formats.matrix,
  output: transpose === 'tn' ? formats.gradient : formats.activation,
  accumulates: transpose === 'tn',
});

const multiply = (
  context: LayerContext,
  share: ExpertShare,
  { input, weight, output }: { input: Tensor; weight: Weight; output: Tensor },
): Program<void> =>
  quantised(context, [input], (operand) => {
    const op = product(context, share, 'nn', { n: output.shape[1]!, k: input.shape[1]! });
    return compute(op, [...operand, weight.value], [output]);
  });

function* activate(context: LayerContext, share: ExpertShare, { up, weights }: Pick<ExpertsSaved, 'up' | 'weights'>) {
  const activated = yield* activation(context, [share.worked, share.width]);
  yield* compute(activationOp(context, 'forward', outputsOf(activated)), [up, weights], [activated]);
  return activated;
}
const outputsOf = (activated: Tensor) => ({
  elements: elementsOf(activated),
  width: activated.shape[1]!,
  weighted: true,
});

/** -> weighted outputs [worked, h], scratch; on each of an expert's tensor ranks a part of the sum. */
export function* expertsForward(
  context: LayerContext,
  share: ExpertShare,
  { weights, dispatched, dropsActivated }: { weights: UnitWeights; dispatched: Dispatched; dropsActivated: boolean },
): Program<{ output: Tensor; saved: ExpertsSaved }> {
  const flat = weights.experts!;
  const up = yield* activation(context, [share.worked, upWidth(context, share.width)]);
  yield* multiply(context, share, { input: dispatched.rows, weight: weightOf(flat, 'experts up'), output: up });
  const activated = yield* activate(context, share, { up, weights: dispatched.weights });
  const output = yield* scratch(context, dispatched.rows.shape);
  yield* multiply(context, share, { input: activated, weight: weightOf(flat, 'experts down'), output });
  if (dropsActivated) yield* release(activated.block);
  return { output, saved: { ...dispatched, up, activated: dropsActivated ? null : activated } };
}

/** Gradient of the outputs, given up as what was saved is -> gradients of the rows and of the router's weights, scratch. */
export function* expertsBackward(
  context: LayerContext,
  share: ExpertShare,
  { weights, saved, gradient }: { weights: UnitWeights; saved: ExpertsSaved; gradient: Tensor },
): Program<Dispatched> {
  const flat = weights.experts!;
  const { rows, up } = saved;
  const activated =
    saved.activated ??
    (yield* section('recompute activation of experts', () => activate(context, share, saved), { term: 'recompute' }));
  const bias = (name: string): Weight | null => findWeight(flat, `experts ${name} bias`);
  yield* biasBackward(context, { gradients: [gradient], bias: bias('down') });
  const down = { input: activated, weight: weightOf(flat, 'experts down') };
  const toActivated = yield* multiplyBackward(context, share, { ...down, gradient });
  const toUp = yield* scratch(context, up.shape);
  const toWeights = yield* tensor(saved.weights.shape, saved.weights.dtype, 'workspace');
  const read = [up, saved.weights, toActivated];
  yield* compute(activationOp(context, 'backward', outputsOf(activated)), read, [toUp, toWeights]);
  for (const { block } of [toActivated, up, saved.weights]) yield* release(block);
  yield* biasBackward(context, { gradients: [toUp], bias: bias('up') });
  const toRows = yield* multiplyBackward(context, share, {
    input: rows,
    weight: weightOf(flat, 'experts up'),
    gradient: toUp,
  });
  return { rows: toRows, weights: toWeights };
}

/** -> gradient of the input, scratch. Input and gradient are given up. */
function* multiplyBackward(
  context: LayerContext,
  share: ExpertShare,
  { input, weight, gradient }: { input: Tensor; weight: Weight; gradient: Tensor },
): Program<Tensor> {
  const [k, n] = [input.shape[1]!, gradient.shape[1]!];
  const result = yield* scratch(context, input.shape);
  yield* quantised(context, [gradient], function* (operand) {
    const back = product(context, share, 'nt', { n: k, k: n });
    yield* compute(back, [...operand, weight.value], [result]);
    const toWeight = product(context, share, 'tn', { n, k });
    yield* forWeights(context, () => compute(toWeight, [input, ...operand], [weight.gradient]));
  });
  yield* releaseAfterWeights(context, gradient);
  yield* releaseAfterWeights(context, input);
  return result;
}
