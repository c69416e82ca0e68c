/** Queries, keys and values projected straight from the residual stream, with keys of a layer's own or of one before it. */
import { release } from '../effects/ask.ts';
import type { Program } from '../effects/effect.ts';
import type { Tensor } from '../effects/tensor.ts';
import type { Columns } from '../kernels/op/positions.ts';
import type { LayerKind } from '../scenario/layer-kind.ts';
import type { Standing } from './attention-core.ts';
import { headsOf, keysIn, queryWidth, sideBySide } from './attention-core.ts';
import type { LayerContext, UnitWeights } from './context.ts';
import { activation, findWeight, weightOf } from './context.ts';
import { biasBackward, columnBackward, columnInto } from './projection.ts';
import { queryKeyNorm, queryKeyNormBackward } from './query-key-norm.ts';
import { addInto } from './residual.ts';
import { rotate, rotateBack } from './rotary.ts';
import type { CoreInputs } from './self-attention.ts';

export interface PlainSaved {
  /** What was projected, where norms need it in backward and the core reads something else. */
  readonly raw: readonly Tensor[];
  /** Keys and values that layers behind this one read too; empty when they read none. */
  readonly shared: readonly Tensor[];
  /** Those of the layer before that this one reads; empty when it has its own. */
  readonly keys: readonly Tensor[];
}

/** Widths of what is projected: one tensor, or queries apart from keys and values that outlive them. */
const widthsOf = ({ job, heads, kvHeads }: LayerContext, { ownsKeys }: LayerKind): readonly number[] => {
  const { headDim, kvShare } = job.model;
  if (kvShare === 1) return [(heads + 2 * kvHeads) * headDim];
  return ownsKeys ? [heads * headDim, 2 * kvHeads * headDim] : [heads * headDim];
};
/** Heads that are rotated in each of what was projected: queries, and keys unless another layer has done so. */
const rotatedHeads = ({ job, heads, kvHeads }: LayerContext, { ownsKeys }: LayerKind): readonly number[] => {
  if (job.model.kvShare === 1) return [heads + kvHeads];
  return ownsKeys ? [heads, kvHeads] : [heads];
};

/** normalised [rows, h] -> what the core reads. `keys`: those of a layer before, for a layer without its own. */
export function* plainForward(
  context: LayerContext,
  {
    kind,
    weights,
    normalised,
    keys,
  }: { kind: LayerKind; weights: UnitWeights; normalised: Tensor; keys: readonly Tensor[] },
): Program<{ inputs: CoreInputs; saved: PlainSaved }> {
  const { tokens, heads, kvHeads } = context;
  const { headDim, qkNorm } = context.job.model;
  const raw: Tensor[] = [];
  for (const width of widthsOf(context, kind)) raw.push(yield* activation(context, [tokens, width]));
  const projection = { weight: weightOf(weights, 'qkv').value, bias: findWeight(weights, 'qkv bias') };
  yield* columnInto(context, { input: normalised, ...projection, outputs: raw });
  const [shared, own] = [raw.slice(1), raw.slice(0, 1)];
  const saved: PlainSaved = { raw: [], shared, keys };
  const standing = standingOf(context, kind);
  if (qkNorm === 'none') {
    yield* rotate(context, raw, rotatedHeads(context, kind));
    return { inputs: { own, lent: [...shared, ...keys], standing }, saved };
  }
  const normed = yield* activation(context, [tokens, (heads + kvHeads) * headDim]);
  yield* queryKeyNorm(context, { weights, raw: [...raw, ...keys], standing, normed });
  yield* rotate(context, [normed], [heads + kvHeads]);
  const inputs = { own: [normed], lent: [...raw, ...keys], standing: behindNormed(context, standing) };
  return { inputs, saved: { ...saved, raw: own } };
}

/** In what was projected, and behind it in the keys of a layer before. */
const standingOf = (context: LayerContext, kind: LayerKind): Standing => {
  const heads = headsOf(context, kind);
  if (context.job.model.kvShare === 1) return sideBySide(heads);
  return { query: { tensor: 0, start: 0, stride: queryWidth(heads) }, ...keysIn(heads, 1) };
};
/** Normed queries and keys stand in front of what was projected, of which the values are still read. */
const behindNormed = ({ job, heads, kvHeads }: LayerContext, { value }: Standing): Standing => {
  const { headDim } = job.model;
  const at = (start: number): Columns => ({ tensor: 0, start, stride: (heads + kvHeads) * headDim });
  return { query: at(0), key: at(heads * headDim), value: { ...value, tensor: value.tensor + 1 } };
};

/** Gradients of what the core read -> that of the normalised, scratch; gives up what was saved, the shared keys among it. */
export function* plainBackward(
  context: LayerContext,
  asked: {
    kind: LayerKind;
    weights: UnitWeights;
    normalised: Tensor;
    saved: PlainSaved;
    toQueries: Tensor;
    toKeys: Tensor;
    /** Gradients of this layer's keys from the layers behind that read them too. */
    fromBehind: readonly Tensor[];
  },
): Program<{ gradient: Tensor; toKeysBefore: Tensor | null }> {
  const { kind, weights, normalised, saved, toQueries, toKeys, fromBehind } = asked;
  const { raw, shared, keys } = saved;
  const isNormed = context.job.model.qkNorm !== 'none';
  if (isNormed) {
    yield* rotateBack(context, [toQueries, toKeys], [context.heads, context.kvHeads]);
    const gradients = [toQueries, toKeys] as const;
    const standing = standingOf(context, kind);
    yield* queryKeyNormBackward(context, { weights, raw: [...raw, ...shared, ...keys], standing, gradients });
  }
  for (const one of fromBehind) {
    yield* addInto(context, toKeys, one);
    yield* release(one.block);
  }
  if (!isNormed) yield* rotateBack(context, [toQueries, toKeys], [context.heads, kind.ownsKeys ? context.kvHeads : 0]);
  for (const { block } of [...raw, ...shared]) yield* release(block);
  const gradients = kind.ownsKeys ? [toQueries, toKeys] : [toQueries];
  yield* biasBackward(context, { gradients, bias: findWeight(weights, 'qkv bias') });
  const weight = weightOf(weights, 'qkv');
  const gradient = yield* columnBackward(context, { input: normalised, gradients, weight });
  return { gradient, toKeysBefore: kind.ownsKeys ? null : toKeys };
}
