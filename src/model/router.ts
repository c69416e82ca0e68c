/** The router: every rank scores its own rows, and each row goes to the best of the experts, by weight. */
import { compute, release, tensor } from '../effects/ask.ts';
import type { Program } from '../effects/effect.ts';
import type { Tensor } from '../effects/tensor.ts';
import type { Matmul } from '../kernels/op/matmul.ts';
import type { TopK } from '../kernels/op/routing.ts';
import type { LayerContext, UnitWeights } from './context.ts';
import { findWeight, forWeights, releaseAfterWeights, scratch, weightOf } from './context.ts';
import { biasBackward } from './projection.ts';

/** Of each row the weights of its experts, fp32, and their numbers. */
export interface Routing {
  readonly weights: Tensor;
  readonly experts: Tensor;
}

/** Operands in the activations' format, never narrower; logits in fp32, as Megatron-Core does with an fp32 router. */
const product = (
  { formats }: LayerContext,
  shape: Pick<Matmul, 'm' | 'n' | 'k'>,
  transpose: Matmul['transpose'],
): Matmul => ({
  kind: 'matmul',
  ...shape,
  batch: 1,
  transpose,
  dtype: formats.activation,
  output: { nn: 'fp32' as const, nt: formats.activation, tn: formats.gradient }[transpose],
  accumulates: transpose === 'tn',
  bias: false,
  isAttention: false,
});
const topK = ({ job, rows }: LayerContext, pass: TopK['pass']): TopK => {
  const { count, active } = job.model.experts!;
  return { kind: 'top-k', pass, tokens: rows, experts: count, active };
};

/** normalised [rows, h] -> the experts of each row. The loss that balances them costs next to nothing. */
export function* routerForward(
  context: LayerContext,
  { weights, normalised }: { weights: UnitWeights; normalised: Tensor },
): Program<Routing> {
  const { rows, job } = context;
  const { count, active } = job.model.experts!;
  const logits = yield* tensor([rows, count], 'fp32', 'workspace');
  const weight = weightOf(weights, 'router').value;
  const shape = { m: rows, n: count, k: job.model.hidden };
  yield* compute(product(context, shape, 'nn'), [normalised, weight], [logits]);
  const chosen = {
    weights: yield* tensor([rows, active], 'fp32', 'activations'),
    experts: yield* tensor([rows, active], 'int32', 'activations'),
  };
  yield* compute(topK(context, 'forward'), [logits], [chosen.weights, chosen.experts]);
  yield* release(logits.block);
  return chosen;
}

/** Gradient of the weights [rows, active], given up as the routing is -> gradient of the normalised [rows, h], scratch. */
export function* routerBackward(
  context: LayerContext,
  {
    weights,
    normalised,
    routing,
    gradient,
  }: { weights: UnitWeights; normalised: Tensor; routing: Routing; gradient: Tensor },
): Program<Tensor> {
  const { rows, job } = context;
  const { hidden: h, experts } = job.model;
  const { count } = experts!;
  const toLogits = yield* tensor([rows, count], 'fp32', 'workspace');
  yield* compute(topK(context, 'backward'), [routing.weights, routing.experts, gradient], [toLogits]);
  for (const { block } of [gradient, routing.weights, routing.experts]) yield* release(block);
  yield* biasBackward(context, { gradients: [toLogits], bias: findWeight(weights, 'router bias') });
  const result = yield* scratch(context, [rows, h]);
  const weight = weightOf(weights, 'router');
  yield* compute(product(context, { m: rows, n: h, k: count }, 'nt'), [toLogits, weight.value], [result]);
  yield* forWeights(context, () =>
    compute(product(context, { m: h, n: count, k: rows }, 'tn'), [normalised, toLogits], [weight.gradient]),
  );
  yield* releaseAfterWeights(context, toLogits);
  return result;
}
