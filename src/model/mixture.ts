/** A mixture of experts in place of an MLP: router, exchange, routed experts, and shared experts beside them. */
import { release, tensor } from '../effects/ask.ts';
import type { Program } from '../effects/effect.ts';
import type { Tensor } from '../effects/tensor.ts';
import { elementsOf } from '../effects/tensor.ts';
import type { RecomputeModule } from '../scenario/job.ts';
import type { LayerContext, UnitWeights } from './context.ts';
import { scratch } from './context.ts';
import { fromExperts, toExperts } from './expert-exchange.ts';
import type { ExpertShare } from './expert-share.ts';
import { branchOutput } from './projection.ts';
import { addInto } from './residual.ts';
import type { Dispatched, ExpertsSaved } from './routed-experts.ts';
import { expertsBackward, expertsForward, expertTensors } from './routed-experts.ts';
import type { Routing } from './router.ts';
import { routerBackward, routerForward, routingTensors } from './router.ts';
import type { SharedSaved } from './shared-experts.ts';
import { sharedBackward, sharedForward, sharedTensors } from './shared-experts.ts';

export interface MixtureSaved {
  readonly share: ExpertShare;
  readonly routing: Routing;
  readonly experts: ExpertsSaved;
  readonly shared: SharedSaved | null;
}
export const mixtureTensors = ({ routing, experts, shared }: MixtureSaved): readonly Tensor[] => [
  ...routingTensors(routing),
  ...expertTensors(experts),
  ...(shared === null ? [] : sharedTensors(shared)),
];

/** A row's weights as rows of their own, one an expert: they take the rows' way. */
const single = (tensor: Tensor): Tensor => ({ ...tensor, shape: [elementsOf(tensor), 1] });

function* dispatch(
  context: LayerContext,
  share: ExpertShare,
  { normalised, routing }: { normalised: Tensor; routing: Routing },
): Program<Dispatched> {
  const { places } = routing;
  const rows = yield* toExperts(context, share, { input: normalised, places, purpose: 'activations' });
  const each = { input: single(routing.weights), places: single(places) };
  const weights = yield* toExperts(context, share, { ...each, purpose: 'activations' });
  return { rows, weights };
}

/** normalised [rows, h] -> output [rows, h]. */
export function* mixtureForward(
  context: LayerContext,
  { weights, normalised, drops }: { weights: UnitWeights; normalised: Tensor; drops: ReadonlySet<RecomputeModule> },
): Program<{ output: Tensor; saved: MixtureSaved }> {
  const { routing, share } = yield* routerForward(context, { weights, normalised });
  const dispatched = yield* dispatch(context, share, { normalised, routing });
  const dropsActivated = drops.has('moe_act');
  const experts = yield* expertsForward(context, share, { weights, dispatched, dropsActivated });
  const output = yield* branchOutput(context, normalised.shape);
  yield* fromExperts(context, share, { input: experts.output, places: routing.places, into: output });
  const saved = { share, routing, experts: experts.saved };
  if (share.experts.sharedFfn === 0) return { output, saved: { ...saved, shared: null } };
  const shared = yield* sharedForward(context, { weights, normalised, isDropped: drops.has('shared_experts') });
  yield* addInto(context, output, shared.output);
  yield* release(shared.output.block);
  return { output, saved: { ...saved, shared: shared.saved } };
}

/** gradient of the output [rows, h], which stays -> gradient of the normalised, scratch; gives up what was saved. */
export function* mixtureBackward(
  context: LayerContext,
  {
    weights,
    normalised,
    saved,
    gradient,
  }: { weights: UnitWeights; normalised: Tensor; saved: MixtureSaved; gradient: Tensor },
): Program<Tensor> {
  const { share, routing } = saved;
  const { places } = routing;
  const toOutputs = yield* toExperts(context, share, { input: gradient, places, purpose: 'workspace' });
  const back = yield* expertsBackward(context, share, { weights, saved: saved.experts, gradient: toOutputs });
  const result = yield* scratch(context, normalised.shape);
  yield* fromExperts(context, share, { input: back.rows, places, into: result });
  const toWeights = yield* tensor(single(routing.weights).shape, routing.weights.dtype, 'workspace');
  yield* fromExperts(context, share, { input: back.weights, places: single(places), into: toWeights });
  const fromRouter = yield* routerBackward(context, { weights, normalised, routing, gradient: toWeights });
  yield* addInto(context, result, fromRouter);
  yield* release(fromRouter.block);
  if (saved.shared === null) return result;
  const fromShared = yield* sharedBackward(context, { weights, normalised, saved: saved.shared, gradient });
  yield* addInto(context, result, fromShared);
  yield* release(fromShared.block);
  return result;
}
