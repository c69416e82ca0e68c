/** The router: every rank scores its own rows, and each row goes to the best of the experts, by weight. */
import { compute, release, tensor } from '../effects/ask.ts';
import type { Program } from '../effects/effect.ts';
import type { Tensor } from '../effects/tensor.ts';
import type { Matmul } from '../kernels/op/matmul.ts';
import type { TopK } from '../kernels/op/routing.ts';
import type { LayerContext, UnitWeights } from './context.ts';
import { findWeight, forWeights, releaseAfterWeights, scratch, weightOf } from './context.ts';
import { agreeOnRows, balances, countChoices, expertBalance, expertCapacity } from './expert-choices.ts';
import type { ExpertShare } from './expert-share.ts';
import { biasBackward } from './projection.ts';

/** Of each row the weights of its experts, fp32, their numbers, and its places among the rows sorted by expert. */
export interface Routing {
  readonly weights: Tensor;
  readonly experts: Tensor;
  readonly places: Tensor;
  /** What the loss that balances the experts is made of: all scores of each row, and how often its sequence chose each. */
  readonly balance: { readonly logits: Tensor; readonly counts: Tensor } | null;
}
export const routingTensors = ({ weights, experts, places, balance }: Routing): readonly Tensor[] => [
  weights,
  experts,
  places,
  ...(balance === null ? [] : [balance.logits, balance.counts]),
];

/** Operands in the activations' format, never narrower; logits in fp32, as Megatron-Core does with an fp32 router. */
const product = (
  { formats }: LayerContext,
  shape: Pick<Matmul, 'm' | 'n' | 'k'>,
  { transpose, bias = false }: { transpose: Matmul['transpose']; bias?: boolean },
): Matmul => ({
  kind: 'matmul',
  ...shape,
  batch: 1,
  transpose,
  dtype: formats.activation,
  output: { nn: 'fp32' as const, nt: formats.activation, tn: formats.gradient }[transpose],
  accumulates: transpose === 'tn',
  bias,
  isAttention: false,
});
const topK = ({ job, rows }: LayerContext, pass: TopK['pass'], balance: TopK['balance']): TopK => {
  const { count, active } = job.model.experts!;
  return { kind: 'top-k', pass, tokens: rows, experts: count, active, balance };
};

/** normalised [rows, h] -> the experts of each row, and how much of their work is this rank's. */
export function* routerForward(
  context: LayerContext,
  { weights, normalised }: { weights: UnitWeights; normalised: Tensor },
): Program<{ routing: Routing; share: ExpertShare }> {
  const { rows, job } = context;
  const { count, active } = job.model.experts!;
  const keepsLogits = balances(context);
  const logits = yield* tensor([rows, count], 'fp32', keepsLogits ? 'activations' : 'workspace');
  const weight = weightOf(weights, 'router').value;
  const bias = findWeight(weights, 'router bias');
  const scored = product(context, { m: rows, n: count, k: job.model.hidden }, { transpose: 'nn', bias: bias !== null });
  yield* compute(scored, [normalised, weight, ...(bias === null ? [] : [bias.value])], [logits]);
  const chosen = {
    weights: yield* tensor([rows, active], 'fp32', 'activations'),
    experts: yield* tensor([rows, active], 'int32', 'activations'),
  };
  yield* compute(topK(context, 'forward', null), [logits], [chosen.weights, chosen.experts]);
  if (!keepsLogits) yield* release(logits.block);
  const { places, counts, share } = yield* placed(context, chosen.experts);
  return { routing: { ...chosen, places, balance: counts === null ? null : { logits, counts } }, share };
}

/** Where the rows go, and how often their sequences chose each expert if backward needs to know. */
function* placed(
  context: LayerContext,
  experts: Tensor,
): Program<{ places: Tensor; counts: Tensor | null; share: ExpertShare }> {
  const { rows, job } = context;
  const { count, active } = job.model.experts!;
  const capacity = expertCapacity(context);
  const counts = capacity !== null || balances(context) ? yield* countChoices(context, experts) : null;
  const places = yield* tensor([rows, active], 'int32', 'activations');
  const taken = yield* tensor([count], 'int32', 'workspace');
  const read = counts === null || capacity === null ? [experts] : [experts, counts];
  yield* compute({ kind: 'expert-places', tokens: rows, experts: count, active, capacity }, read, [places, taken]);
  const share = yield* agreeOnRows(context, taken);
  if (counts === null || balances(context)) return { places, counts, share };
  yield* release(counts.block);
  return { places, counts: null, share };
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
  const { balance } = routing;
  const read = [routing.weights, routing.experts, gradient];
  if (balance !== null) read.push(balance.logits, balance.counts);
  const op = topK(context, 'backward', balance === null ? null : expertBalance(context));
  yield* compute(op, read, [toLogits]);
  for (const { block } of [gradient, ...routingTensors(routing)]) yield* release(block);
  yield* biasBackward(context, { gradients: [toLogits], bias: findWeight(weights, 'router bias') });
  const result = yield* scratch(context, [rows, h]);
  const weight = weightOf(weights, 'router');
  const back = product(context, { m: rows, n: h, k: count }, { transpose: 'nt' });
  yield* compute(back, [toLogits, weight.value], [result]);
  const toWeight = product(context, { m: h, n: count, k: rows }, { transpose: 'tn' });
  yield* forWeights(context, () => compute(toWeight, [normalised, toLogits], [weight.gradient]));
  yield* releaseAfterWeights(context, toLogits);
  return result;
}
