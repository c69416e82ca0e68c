/** The attention branch of a layer: norm, queries, keys and values, the core, the output projection, the residual. */
import { release, section } from '../effects/ask.ts';
import type { Program } from '../effects/effect.ts';
import type { Tensor } from '../effects/tensor.ts';
import type { RecomputeModule } from '../scenario/job.ts';
import type { LayerKind } from '../scenario/layer-kind.ts';
import { headsOf } from './attention-core.ts';
import type { LayerContext, UnitWeights } from './context.ts';
import { activation, findWeight, forwardOnly, releaseAfterWeights, weightOf } from './context.ts';
import type { LatentSaved } from './latent-attention.ts';
import { latentBackward, latentForward, latentTensors, latentUp } from './latent-attention.ts';
import { biasBackward, branchOutput, rowBackward, rowForward } from './projection.ts';
import type { PlainSaved } from './query-key-value.ts';
import { plainBackward, plainForward } from './query-key-value.ts';
import { branchBackward, branchForward, normBackward, normForward } from './residual.ts';
import type { BranchSaved } from './residual.ts';
import type { CoreInputs, CoreSaved } from './self-attention.ts';
import { coreBackward, coreForward, coreTensors } from './self-attention.ts';

/** What the way to queries, keys and values kept. */
type ProjectionSaved = ({ readonly kind: 'plain' } & PlainSaved) | ({ readonly kind: 'latent' } & LatentSaved);

/** Kept for backward. A null was dropped, to be computed again. */
export interface AttentionSaved {
  readonly normalised: Tensor | null;
  readonly projection: ProjectionSaved;
  readonly core: CoreSaved;
  readonly heads: Tensor;
  readonly branch: BranchSaved;
}
/** All but the keys that layers behind still read. */
export const attentionTensors = ({ normalised, projection, core, heads, branch }: AttentionSaved): readonly Tensor[] =>
  [
    normalised,
    ...(projection.kind === 'plain' ? projection.raw : latentTensors(projection)),
    ...coreTensors(core),
    heads,
    branch.output,
    branch.mask,
  ].filter((tensor) => tensor !== null);
/** Keys and values that layers behind this one read. */
export const sharedKeys = ({ projection }: AttentionSaved): readonly Tensor[] =>
  projection.kind === 'plain' ? projection.shared : [];

/** A layer's attention: its kind, its weights and its input. */
export interface AttentionAt {
  readonly kind: LayerKind;
  readonly weights: UnitWeights;
  readonly input: Tensor;
}

const norm = (context: LayerContext, { weights, input }: AttentionAt): Program<Tensor> =>
  normForward(context, { weights, name: 'attention norm', input });

function* project(
  context: LayerContext,
  { kind, weights, normalised, keys }: AttentionAt & { normalised: Tensor; keys: readonly Tensor[] },
): Program<{ inputs: CoreInputs; projection: ProjectionSaved }> {
  if (context.job.model.latent !== null) {
    const { inputs, saved } = yield* latentForward(context, { weights, normalised });
    return { inputs, projection: { kind: 'latent', ...saved } };
  }
  const { inputs, saved } = yield* plainForward(context, { kind, weights, normalised, keys });
  return { inputs, projection: { kind: 'plain', ...saved } };
}

/** input [rows, h] -> input + attention(norm(input)). `keys`: those of the layer before, for a layer without its own. */
export function* attentionForward(
  context: LayerContext,
  at: AttentionAt,
  { keys, drops }: { keys: readonly Tensor[]; drops: ReadonlySet<RecomputeModule> },
): Program<{ output: Tensor; saved: AttentionSaved }> {
  const { kind, weights, input } = at;
  const width = context.heads * context.job.model.headDim;
  const normalised = yield* norm(context, at);
  const { inputs, projection } = yield* project(context, { ...at, normalised, keys });
  const heads = yield* activation(context, [context.tokens, width]);
  const core = yield* coreForward(context, { weights, heads: headsOf(context, kind), inputs, output: heads, drops });
  const weight = weightOf(weights, 'attention out').value;
  const out = yield* rowForward(context, { input: heads, weight, allocated: branchOutput });
  if (drops.has('layernorm')) yield* release(normalised.block);
  const { sum, branch } = yield* branchForward(context, {
    weights,
    name: 'attention post norm',
    branch: out,
    bias: findWeight(weights, 'attention out bias'),
    residual: input,
  });
  const kept = drops.has('layernorm') ? null : normalised;
  return { output: sum, saved: { normalised: kept, projection, core, heads, branch } };
}

/** Gradient of the sum -> gradient that reaches the input through the branch, scratch; gives up what was saved. */
export function* attentionBackward(
  context: LayerContext,
  at: AttentionAt,
  { saved, gradient, fromBehind }: { saved: AttentionSaved; gradient: Tensor; fromBehind: readonly Tensor[] },
): Program<{ gradient: Tensor; toKeysBefore: Tensor | null }> {
  const { kind, weights, input } = at;
  const { projection, core, heads: output } = saved;
  const toHeads = yield* branchBackward(
    context,
    { weights, name: 'attention post norm', gradient, saved: saved.branch },
    (branch) => outBackward(context, { weights, heads: output, gradient: branch }),
  );
  const again = (): Program<Tensor> => section('recompute norm', () => norm(context, at), { term: 'recompute' });
  let normalised = saved.normalised;
  if (core.inputs === null) normalised ??= yield* again();
  const inputs = core.inputs ?? (yield* upAgain(context, { weights, normalised: normalised!, projection }));
  const asked = { weights, heads: headsOf(context, kind), inputs, kept: core.kept, output, gradient: toHeads };
  const { toQueries, toKeys } = yield* coreBackward(context, asked);
  yield* release(toHeads.block);
  yield* releaseAfterWeights(context, output);
  normalised ??= yield* again();
  const back = { weights, normalised, toQueries, toKeys };
  const reached =
    projection.kind === 'plain'
      ? yield* plainBackward(context, { ...back, kind, saved: projection, fromBehind })
      : { gradient: yield* latentBackward(context, { ...back, saved: projection }), toKeysBefore: null };
  yield* releaseAfterWeights(context, normalised);
  const toInput = { weights, name: 'attention norm', input, gradient: reached.gradient };
  return { gradient: yield* normBackward(context, toInput), toKeysBefore: reached.toKeysBefore };
}

/** The projections up from the latents once more. */
function* upAgain(
  context: LayerContext,
  { weights, normalised, projection }: { weights: UnitWeights; normalised: Tensor; projection: ProjectionSaved },
): Program<CoreInputs> {
  if (projection.kind === 'plain') throw new TypeError('only what came up from latents is ever projected again');
  return yield* section(
    'recompute projections up',
    () => latentUp(forwardOnly(context), { weights, normalised, saved: projection }),
    { term: 'recompute' },
  );
}

function* outBackward(
  context: LayerContext,
  { weights, heads, gradient }: { weights: UnitWeights; heads: Tensor; gradient: Tensor },
): Program<Tensor> {
  yield* biasBackward(context, { gradients: [gradient], bias: findWeight(weights, 'attention out bias') });
  return yield* rowBackward(context, { input: heads, gradient, weight: weightOf(weights, 'attention out') });
}
