/** The embedding: token ids in, the first layer's input out. */
import { compute, release, tensor } from '../effects/ask.ts';
import type { Program } from '../effects/effect.ts';
import type { Tensor } from '../effects/tensor.ts';
import { elementsOf } from '../effects/tensor.ts';
import type { Embedding } from '../kernels/op/token.ts';
import type { LayerContext } from './context.ts';
import { activation, amongTensorRanks, findWeight, scratch, tableOf } from './context.ts';
import type { UnitWeights, Weight } from './context.ts';
import { normBackward, normForward } from './residual.ts';

export interface EmbeddingSaved {
  readonly ids: Tensor;
  readonly mask: Tensor | null;
  /** Input of the norm that some models put behind the embedding. */
  readonly summed: Tensor | null;
}

const lookup = (context: LayerContext, pass: Embedding['pass'], positions: Weight | null): Embedding => ({
  kind: 'embedding',
  pass,
  tokens: context.tokens,
  hidden: context.job.model.hidden,
  positions: positions !== null,
  dtype: context.formats.activation,
  gradient: context.formats.gradient,
  first: context.tensorIndex * context.vocabulary,
  words: context.vocabulary,
  at: context.at,
});

/** The rows of the vocabulary, those of learned positions if they are added, and what is looked up in them. */
interface LookUp {
  readonly table: Weight;
  readonly positions: Weight | null;
  readonly ids: Tensor;
}

/**
 * ids [T] -> [rows, h]. Each tensor rank looks up the rows of its part of the vocabulary; the sum is the embedding, to
 * which the first rank adds the positions.
 */
export function* lookUp(context: LayerContext, { table, positions, ids }: LookUp): Program<Tensor> {
  const whole = yield* activation(context, [context.tokens, context.job.model.hidden]);
  const added = context.tensorIndex === 0 ? positions : null;
  const read = [ids, table.value, ...(added === null ? [] : [added.value])];
  yield* compute(lookup(context, 'forward', added), read, [whole]);
  return yield* ownRows(context, whole);
}

/** Adds the gradient [rows, h] to the table's and the positions'; gives up the gradient and the ids. */
export function* lookUpBackward(
  context: LayerContext,
  { table, positions, ids, gradient }: LookUp & { gradient: Tensor },
): Program<void> {
  let whole = gradient;
  if (context.isSequenceParallel) {
    whole = yield* scratch(context, [context.tokens, context.job.model.hidden]);
    yield* amongTensorRanks(context, 'all-gather', { whole, shard: gradient });
    yield* release(gradient.block);
  }
  const written = [table.gradient, ...(positions === null ? [] : [positions.gradient])];
  yield* compute(lookup(context, 'backward', positions), [ids, whole], written);
  yield* release(whole.block);
  yield* release(ids.block);
}

export function* embeddingForward(
  context: LayerContext,
  { weights, ids }: { weights: UnitWeights; ids: Tensor },
): Program<{ output: Tensor; saved: EmbeddingSaved }> {
  const { model } = context.job;
  const looked = yield* lookUp(context, { ...tablesOf(weights), ids });
  const masked = model.dropout ? yield* dropped(context, looked) : { output: looked, mask: null };
  if (!model.embeddingNorm) return { output: masked.output, saved: { ids, mask: masked.mask, summed: null } };
  const input = masked.output;
  const output = yield* normForward(context, { weights, name: 'embedding norm', input });
  return { output, saved: { ids, mask: masked.mask, summed: input } };
}

const tablesOf = (weights: UnitWeights): Pick<LookUp, 'table' | 'positions'> => ({
  table: tableOf(weights, 'token embedding'),
  positions: findWeight(weights, 'position embedding'),
});

/** The sum over the tensor ranks, cut to this rank's rows. */
function* ownRows(context: LayerContext, whole: Tensor): Program<Tensor> {
  if (!context.isSequenceParallel) {
    yield* amongTensorRanks(context, 'all-reduce', { whole, shard: whole });
    return whole;
  }
  const shard = yield* activation(context, [context.rows, context.job.model.hidden]);
  yield* amongTensorRanks(context, 'reduce-scatter', { whole, shard });
  yield* release(whole.block);
  return shard;
}

function* dropped(context: LayerContext, input: Tensor): Program<{ output: Tensor; mask: Tensor }> {
  const mask = yield* tensor(input.shape, 'uint8', 'activations');
  const dtype = context.formats.activation;
  yield* compute({ kind: 'dropout', elements: elementsOf(input), dtype }, [input], [input, mask]);
  return { output: input, mask };
}

/** Adds the gradient [rows, h] to the table's; gives up the gradient and all that was saved. */
export function* embeddingBackward(
  context: LayerContext,
  { weights, saved, gradient }: { weights: UnitWeights; saved: EmbeddingSaved; gradient: Tensor },
): Program<void> {
  const { ids, mask, summed } = saved;
  let rows = gradient;
  if (summed !== null) {
    rows = yield* normBackward(context, { weights, name: 'embedding norm', input: summed, gradient });
    yield* release(summed.block);
  }
  const dtype = context.formats.activation;
  if (mask !== null) {
    yield* compute({ kind: 'dropout', elements: elementsOf(rows), dtype }, [rows, mask], [rows]);
    yield* release(mask.block);
  }
  yield* lookUpBackward(context, { ...tablesOf(weights), ids, gradient: rows });
}
