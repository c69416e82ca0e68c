/** The attention branch of a layer: norm, queries, keys and values, the core, the output projection, the residual. */
import { release, section } from '../effects/ask.ts';
import type { Program } from '../effects/effect.ts';
import type { Tensor } from '../effects/tensor.ts';
import type { RecomputeModule } from '../scenario/job.ts';
import type { LayerContext } from './context.ts';
import { activation, view } from './context.ts';
import type { UnitWeights } from './context.ts';
import { biasBackward, columnBackward, columnForward, rowBackward, rowForward } from './projection.ts';
import { branchGradient, normBackward, normForward, residualForward } from './residual.ts';
import type { CoreSaved } from './self-attention.ts';
import { coreBackward, coreForward, rotate } from './self-attention.ts';

/** Kept for backward. A null was dropped, to be computed again. */
export interface AttentionSaved {
  readonly normalised: Tensor | null;
  readonly qkv: Tensor;
  readonly core: CoreSaved | null;
  readonly heads: Tensor;
  readonly mask: Tensor | null;
}
export const attentionTensors = ({ normalised, qkv, core, heads, mask }: AttentionSaved): readonly Tensor[] =>
  [normalised, qkv, ...(core ?? []), heads, mask].filter((tensor) => tensor !== null);

const widthOf = ({ heads, kvHeads, job }: LayerContext): number => (heads + 2 * kvHeads) * job.model.headDim;
const norm = (context: LayerContext, values: Tensor, input: Tensor): Program<Tensor> =>
  normForward(context, { values, unit: 'layer', name: 'attention norm', input });

/** input [rows, h] -> input + attention(norm(input)). */
export function* attentionForward(
  context: LayerContext,
  { values, input, drops }: { values: Tensor; input: Tensor; drops: ReadonlySet<RecomputeModule> },
): Program<{ output: Tensor; saved: AttentionSaved }> {
  const parameters = context.parameters.layer;
  const inner = context.heads * context.job.model.headDim;
  const normalised = yield* norm(context, values, input);
  const qkv = yield* columnForward(context, normalised, view(values, parameters, 'qkv'), widthOf(context));
  if (drops.has('layernorm')) yield* release(normalised.block);
  yield* rotate(context, qkv);
  const heads = yield* activation(context, [context.tokens, inner]);
  const core = yield* coreForward(context, qkv, heads);
  if (drops.has('core_attn')) for (const { block } of core) yield* release(block);
  const branch = yield* rowForward(context, heads, view(values, parameters, 'attention out'), inner);
  const { sum, mask } = yield* residualForward(context, branch, input);
  const saved: AttentionSaved = {
    normalised: drops.has('layernorm') ? null : normalised,
    qkv,
    core: drops.has('core_attn') ? null : core,
    heads,
    mask,
  };
  return { output: sum, saved };
}

/** Gradient of the sum -> gradient that reaches the input through the branch, scratch; gives up what was saved. */
export function* attentionBackward(
  context: LayerContext,
  { weights, saved, input, gradient }: { weights: UnitWeights; saved: AttentionSaved; input: Tensor; gradient: Tensor },
): Program<Tensor> {
  const { values, gradients } = weights;
  const parameters = context.parameters.layer;
  const toHeads = yield* branchGradient(context, gradient, saved.mask, (branch) =>
    outBackward(context, weights, saved, branch),
  );
  if (saved.mask !== null) yield* release(saved.mask.block);
  const core = saved.core ?? (yield* section('recompute core', () => coreAgain(context, saved), { term: 'recompute' }));
  const toQkv = yield* coreBackward(context, { qkv: saved.qkv, output: saved.heads, saved: core, gradient: toHeads });
  for (const { block } of [...core, saved.heads, saved.qkv, toHeads]) yield* release(block);
  yield* rotate(context, toQkv);
  const normalised =
    saved.normalised ?? (yield* section('recompute norm', () => norm(context, values, input), { term: 'recompute' }));
  if (context.job.model.bias.qkv)
    yield* biasBackward(context, { gradient: toQkv, bias: view(gradients, parameters, 'qkv bias') });
  const weight = { value: view(values, parameters, 'qkv'), gradient: view(gradients, parameters, 'qkv') };
  const toNorm = yield* columnBackward(context, {
    input: normalised,
    gradient: toQkv,
    weight,
    width: widthOf(context),
  });
  yield* release(toQkv.block);
  yield* release(normalised.block);
  return yield* normBackward(context, { ...weights, unit: 'layer', name: 'attention norm', input, gradient: toNorm });
}

function* outBackward(
  context: LayerContext,
  { values, gradients }: UnitWeights,
  { heads }: AttentionSaved,
  gradient: Tensor,
): Program<Tensor> {
  const parameters = context.parameters.layer;
  if (context.job.model.bias.attentionOut)
    yield* biasBackward(context, { gradient, bias: view(gradients, parameters, 'attention out bias') });
  const weight = {
    value: view(values, parameters, 'attention out'),
    gradient: view(gradients, parameters, 'attention out'),
  };
  const width = context.heads * context.job.model.headDim;
  return yield* rowBackward(context, { input: heads, gradient, weight, width });
}

/** The core once more, for what it keeps; its output is known and written over with the same values. */
const coreAgain = (context: LayerContext, { qkv, heads }: AttentionSaved): Program<CoreSaved> =>
  coreForward(context, qkv, heads);
