/** The MLP branch of a layer: norm, an MLP or a mixture of experts, residual. */
import { release, section } from '../effects/ask.ts';
import type { Program } from '../effects/effect.ts';
import type { Tensor } from '../effects/tensor.ts';
import type { RecomputeModule } from '../scenario/job.ts';
import type { LayerKind } from '../scenario/layer-kind.ts';
import type { LayerContext, UnitWeights } from './context.ts';
import { findWeight, forwardOnly, releaseAfterWeights } from './context.ts';
import type { MixtureSaved } from './mixture.ts';
import { mixtureBackward, mixtureForward, mixtureTensors } from './mixture.ts';
import { branchOutput } from './projection.ts';
import type { BranchSaved } from './residual.ts';
import { branchBackward, branchForward, normBackward, normForward } from './residual.ts';
import type { Mlp, MlpSaved } from './split-mlp.ts';
import { mlpTensors, splitMlpDown, splitMlpForward, splitMlpUp } from './split-mlp.ts';

type Body =
  { readonly kind: 'mlp'; readonly saved: MlpSaved } | { readonly kind: 'mixture'; readonly saved: MixtureSaved };

/** Kept for backward. A null was dropped, to be computed again. */
export interface MlpBranchSaved {
  readonly normalised: Tensor | null;
  readonly body: Body | null;
  readonly branch: BranchSaved;
}
const bodyTensors = (body: Body): readonly Tensor[] =>
  body.kind === 'mlp' ? mlpTensors(body.saved) : mixtureTensors(body.saved);
export const mlpBranchTensors = ({ normalised, body, branch }: MlpBranchSaved): readonly Tensor[] =>
  [normalised, ...(body === null ? [] : bodyTensors(body)), branch.output, branch.mask].filter(
    (tensor) => tensor !== null,
  );

/** A layer's MLP: its kind, its weights and its input. */
export interface MlpAt {
  readonly kind: LayerKind;
  readonly weights: UnitWeights;
  readonly input: Tensor;
}

const norm = (context: LayerContext, { weights, input }: MlpAt): Program<Tensor> =>
  normForward(context, { weights, name: 'mlp norm', input });
const mlpOf = ({ ffn }: LayerContext, weights: UnitWeights): Mlp => ({ weights, name: 'mlp', width: ffn });

function* bodyForward(
  context: LayerContext,
  { kind, weights }: MlpAt,
  { normalised, drops }: { normalised: Tensor; drops: ReadonlySet<RecomputeModule> },
): Program<{ output: Tensor; body: Body }> {
  if (kind.hasExperts) {
    const { output, saved } = yield* mixtureForward(context, { weights, normalised, drops });
    return { output, body: { kind: 'mixture', saved } };
  }
  const asked = { normalised, dropsActivated: drops.has('mlp_act'), allocated: branchOutput };
  const { output, saved } = yield* splitMlpForward(context, mlpOf(context, weights), asked);
  return { output, body: { kind: 'mlp', saved } };
}

/** input [rows, h] -> residual + mlp(norm(input)); in a parallel block input and residual differ. */
export function* mlpForward(
  context: LayerContext,
  at: MlpAt,
  { residual, drops }: { residual: Tensor; drops: ReadonlySet<RecomputeModule> },
): Program<{ output: Tensor; saved: MlpBranchSaved }> {
  const normalised = yield* norm(context, at);
  const { output, body } = yield* bodyForward(context, at, { normalised, drops });
  const dropsBody = drops.has(at.kind.hasExperts ? 'moe' : 'mlp');
  if (dropsBody) for (const { block } of bodyTensors(body)) yield* release(block);
  if (drops.has('layernorm')) yield* release(normalised.block);
  const bias = findWeight(at.weights, 'mlp down bias');
  const ending = { weights: at.weights, name: 'mlp post norm', branch: output, bias, residual };
  const { sum, branch } = yield* branchForward(context, ending);
  const kept = { normalised: drops.has('layernorm') ? null : normalised, body: dropsBody ? null : body };
  return { output: sum, saved: { ...kept, branch } };
}

/** Gradient of the sum -> gradient that reaches the input through the branch, scratch; gives up what was saved. */
export function* mlpBackward(
  context: LayerContext,
  at: MlpAt,
  { saved, gradient }: { saved: MlpBranchSaved; gradient: Tensor },
): Program<Tensor> {
  const { weights, input } = at;
  let known = saved.normalised;
  const normalised = function* (): Program<Tensor> {
    known ??= yield* section('recompute norm', () => norm(context, at), { term: 'recompute' });
    return known;
  };
  const body = saved.body ?? (yield* bodyAgain(context, at, yield* normalised()));
  const ending = { weights, name: 'mlp post norm', gradient, saved: saved.branch };
  let toNorm: Tensor;
  if (body.kind === 'mlp') {
    const mlp = mlpOf(context, weights);
    const toActivated = yield* branchBackward(context, ending, (branch) =>
      splitMlpDown(context, mlp, { saved: body.saved, gradient: branch }),
    );
    toNorm = yield* splitMlpUp(context, mlp, { up: body.saved.up, toActivated, normalised });
  } else {
    const before = yield* normalised();
    toNorm = yield* branchBackward(context, ending, (branch) =>
      mixtureBackward(context, { weights, normalised: before, saved: body.saved, gradient: branch }),
    );
  }
  yield* releaseAfterWeights(context, yield* normalised());
  return yield* normBackward(context, { weights, name: 'mlp norm', input, gradient: toNorm });
}

/** The forward run for what backward needs; its output is not wanted. */
const bodyAgain = (context: LayerContext, at: MlpAt, normalised: Tensor): Program<Body> =>
  section(
    `recompute ${at.kind.hasExperts ? 'mixture' : 'mlp'}`,
    function* () {
      const { output, body } = yield* bodyForward(forwardOnly(context), at, { normalised, drops: new Set() });
      yield* release(output.block);
      return body;
    },
    { term: 'recompute' },
  );
