/**
 * Queries, keys and values by way of narrow latents (DeepSeek-V2, arXiv 2405.04434, section 2.1): every tensor rank makes
 * the latents of its own rows, and each the queries, keys and values of its heads from all rows' latents.
 */
import { compute, release } from '../effects/ask.ts';
import type { Program } from '../effects/effect.ts';
import type { Tensor } from '../effects/tensor.ts';
import { elementsOf, part } from '../effects/tensor.ts';
import type { LatentAttention } from '../scenario/model.ts';
import type { LayerContext, UnitWeights } from './context.ts';
import {
  activation,
  amongTensorRanks,
  findWeight,
  releaseAfterWeights,
  scratch,
  unsplit,
  weightOf,
} from './context.ts';
import { layOut } from './laying-out.ts';
import { biasBackward, columnBackward, columnForward, columnInto, reduced } from './projection.ts';
import { addInto, normBackward, normGradient, normInto } from './residual.ts';
import { turn } from './rotary.ts';
import type { CoreInputs } from './self-attention.ts';

/** A latent and its norm. Behind the latent of the keys stands the part of them that has positions. */
interface Latent {
  readonly raw: Tensor;
  readonly normed: Tensor;
}
export interface LatentSaved {
  readonly query: Latent | null;
  readonly key: Latent;
}
export const latentTensors = ({ query, key }: LatentSaved): readonly Tensor[] => [
  ...(query === null ? [] : [query.raw, query.normed]),
  key.raw,
  key.normed,
];

const latentOf = (context: LayerContext): LatentAttention => context.job.model.latent!;
/** The first `width` columns, as a run of their own. */
const front = (tensor: Tensor, rows: number, width: number): Tensor => ({
  ...part(tensor, 0, rows * width),
  shape: [rows, width],
});
const behind = (tensor: Tensor, rows: number, from: number, width: number): Tensor => ({
  ...part(tensor, rows * from, rows * width),
  shape: [rows, width],
});

function* down(
  context: LayerContext,
  {
    weights,
    name,
    input,
    rank,
    width,
  }: { weights: UnitWeights; name: string; input: Tensor; rank: number; width: number },
): Program<Latent> {
  const weight = weightOf(weights, `${name} down`).value;
  const bias = findWeight(weights, `${name} down bias`);
  const raw = yield* columnForward(unsplit(context), input, { weight, bias, width });
  const normed = yield* activation(context, [context.rows, rank]);
  yield* normInto(context, {
    weights,
    name: `${name} latent norm`,
    input: front(raw, context.rows, rank),
    output: normed,
  });
  return { raw, normed };
}

/** normalised [rows, h] -> what the core reads. */
export function* latentForward(
  context: LayerContext,
  { weights, normalised }: { weights: UnitWeights; normalised: Tensor },
): Program<{ inputs: CoreInputs; saved: LatentSaved }> {
  const { queryRank, kvRank, ropeDim } = latentOf(context);
  const from = { weights, input: normalised };
  const query =
    queryRank === null ? null : yield* down(context, { ...from, name: 'query', rank: queryRank, width: queryRank });
  const key = yield* down(context, { ...from, name: 'key', rank: kvRank, width: kvRank + ropeDim });
  const saved = { query, key };
  return { inputs: yield* latentUp(context, { weights, normalised, saved }), saved };
}

/** The projections up from the latents, once more when they were dropped. */
export function* latentUp(
  context: LayerContext,
  { weights, normalised, saved }: { weights: UnitWeights; normalised: Tensor; saved: LatentSaved },
): Program<CoreInputs> {
  const { tokens, rows, heads, formats } = context;
  const { plainDim, ropeDim, kvRank } = latentOf(context);
  const { headDim } = context.job.model;
  const [keyDim, width] = [plainDim + ropeDim, heads * (plainDim + headDim)];
  const queryUp = { weight: weightOf(weights, 'query up').value, bias: null, width: heads * keyDim };
  const queries = yield* columnForward(context, saved.query?.normed ?? normalised, queryUp);
  const up = yield* scratch(context, [tokens, width]);
  const keyUp = { weight: weightOf(weights, 'key up').value, bias: null };
  yield* columnInto(context, { input: saved.key.normed, ...keyUp, outputs: [up] });
  const positioned = yield* gatheredRows(context, behind(saved.key.raw, rows, kvRank, ropeDim));
  yield* turn(context, [queries, positioned], { heads: [heads, 1], headDim: ropeDim, isInverse: false });
  const keys = yield* activation(context, [tokens, heads * keyDim]);
  const values = yield* activation(context, [tokens, heads * headDim]);
  const [read, written] = [tokens * (width + ropeDim), tokens * heads * (keyDim + headDim)];
  yield* compute(layOut(formats.activation, { read, written, runs: [] }), [up, positioned], [keys, values]);
  yield* release(up.block);
  if (context.isSequenceParallel) yield* release(positioned.block);
  const standing = {
    query: { tensor: 0, start: 0, stride: heads * keyDim },
    key: { tensor: 1, start: 0, stride: heads * keyDim },
    value: { tensor: 2, start: 0, stride: heads * headDim },
  };
  return { own: [queries, keys, values], lent: [], standing };
}

function* gatheredRows(context: LayerContext, shard: Tensor): Program<Tensor> {
  if (!context.isSequenceParallel) return shard;
  const whole = yield* scratch(context, [context.tokens, shard.shape[1]!]);
  yield* amongTensorRanks(context, 'all-gather', { whole, shard });
  return whole;
}

/** Gradients of what the core read -> that of the normalised, scratch; gives up what was saved. */
export function* latentBackward(
  context: LayerContext,
  {
    weights,
    normalised,
    saved,
    toQueries,
    toKeys,
  }: { weights: UnitWeights; normalised: Tensor; saved: LatentSaved; toQueries: Tensor; toKeys: Tensor },
): Program<Tensor> {
  const result = yield* keyBackward(context, { weights, normalised, latent: saved.key, toKeys });
  const fromQueries = yield* queryBackward(context, { weights, normalised, latent: saved.query, toQueries });
  yield* addInto(context, result, fromQueries);
  yield* release(fromQueries.block);
  return result;
}

function* queryBackward(
  context: LayerContext,
  {
    weights,
    normalised,
    latent,
    toQueries,
  }: { weights: UnitWeights; normalised: Tensor; latent: Latent | null; toQueries: Tensor },
): Program<Tensor> {
  const { ropeDim } = latentOf(context);
  yield* turn(context, [toQueries], { heads: [context.heads], headDim: ropeDim, isInverse: true });
  const up = { gradients: [toQueries], weight: weightOf(weights, 'query up') };
  if (latent === null) return yield* columnBackward(context, { input: normalised, ...up });
  const toNormed = yield* columnBackward(context, { input: latent.normed, ...up });
  yield* releaseAfterWeights(context, latent.normed);
  const asked = { weights, name: 'query latent norm', input: latent.raw, gradient: toNormed };
  const toLatent = yield* normBackward(context, asked);
  yield* release(latent.raw.block);
  return yield* downBackward(context, { weights, name: 'query', normalised, toLatent });
}

function* keyBackward(
  context: LayerContext,
  { weights, normalised, latent, toKeys }: { weights: UnitWeights; normalised: Tensor; latent: Latent; toKeys: Tensor },
): Program<Tensor> {
  const { tokens, rows, heads, formats } = context;
  const { plainDim, ropeDim, kvRank } = latentOf(context);
  const dtype = formats.activation;
  const toUp = yield* scratch(context, [tokens, heads * (plainDim + context.job.model.headDim)]);
  const toPositioned = yield* scratch(context, [tokens, ropeDim]);
  const written = elementsOf(toUp) + elementsOf(toPositioned);
  const laidOut = layOut(dtype, { read: elementsOf(toKeys), written, runs: [] });
  yield* compute(laidOut, [toKeys], [toUp, toPositioned]);
  yield* release(toKeys.block);
  yield* turn(context, [toPositioned], { heads: [1], headDim: ropeDim, isInverse: true });
  const ownPositioned = yield* reduced(context, toPositioned, scratch);
  const weight = weightOf(weights, 'key up');
  const toNormed = yield* columnBackward(context, { input: latent.normed, gradients: [toUp], weight });
  yield* releaseAfterWeights(context, latent.normed);
  const input = front(latent.raw, rows, kvRank);
  const toFront = yield* normGradient(context, { weights, name: 'key latent norm', input, gradient: toNormed });
  const toLatent = yield* scratch(context, latent.raw.shape);
  const whole = elementsOf(toLatent);
  yield* compute(layOut(dtype, { read: whole, written: whole, runs: [] }), [toFront, ownPositioned], [toLatent]);
  for (const { block } of [toNormed, toFront, ownPositioned, latent.raw]) yield* release(block);
  return yield* downBackward(context, { weights, name: 'key', normalised, toLatent });
}

function* downBackward(
  context: LayerContext,
  { weights, name, normalised, toLatent }: { weights: UnitWeights; name: string; normalised: Tensor; toLatent: Tensor },
): Program<Tensor> {
  yield* biasBackward(context, { gradients: [toLatent], bias: findWeight(weights, `${name} down bias`) });
  const weight = weightOf(weights, `${name} down`);
  return yield* columnBackward(unsplit(context), { input: normalised, gradients: [toLatent], weight });
}
