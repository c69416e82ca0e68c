/**
 * Attention over context ranks that exchange heads for positions: each computes the core of some heads on whole sequences
 * (Jacobs et al. 2023, DeepSpeed-Ulysses).
 */
import { compute, release } from '../effects/ask.ts';
import type { Program } from '../effects/effect.ts';
import type { Tensor } from '../effects/tensor.ts';
import { elementsOf } from '../effects/tensor.ts';
import type { CoreBackward, CoreForward, CoreKept, CoreMethod, Heads } from './attention-core.ts';
import { keyWidth, queryWidth } from './attention-core.ts';
import type { LayerContext } from './context.ts';
import { activation, among, scratch } from './context.ts';
import { localAttention } from './local-attention.ts';

export const headExchange: CoreMethod = { forward, backward };

/** A context rank's part of the heads, on all positions. */
const partOf = ({ groups }: LayerContext, heads: Heads): Heads => ({
  ...heads,
  heads: heads.heads / groups.context.size,
  kvHeads: heads.kvHeads / groups.context.size,
});

/** From one split to the other: laid out by receiver, exchanged, and laid out anew. Elements stay as many. */
function* exchanged(context: LayerContext, from: readonly Tensor[], into: readonly Tensor[]): Program<void> {
  const elements = into.reduce((total, tensor) => total + elementsOf(tensor), 0);
  const layOut = { kind: 'copy', read: elements, written: elements, dtype: context.formats.activation } as const;
  const [whole, shard] = [yield* scratch(context, [elements]), yield* scratch(context, [elements])];
  yield* compute(layOut, from, [whole]);
  yield* among(context, context.groups.context, 'all-to-all', { whole, shard });
  yield* release(whole.block);
  yield* compute(layOut, [shard], into);
  yield* release(shard.block);
}

function* forward(context: LayerContext, { heads, inputs, output, sinks }: CoreForward): Program<CoreKept> {
  const received = yield* activation(context, [context.tokens, queryWidth(heads) + keyWidth(heads)]);
  yield* exchanged(context, inputs, [received]);
  const part = yield* activation(context, output.shape);
  const there = { inputs: [received], output: part };
  const kept = yield* localAttention.forward(context, { heads: partOf(context, heads), sinks, ...there });
  yield* exchanged(context, [part], [output]);
  return { tensors: [received, part, ...kept.tensors], exchanged: { ...there, kept } };
}

function* backward(context: LayerContext, asked: CoreBackward): Program<void> {
  const { heads, kept, gradient, toQueries, toKeys, sinks } = asked;
  const there = kept.exchanged!;
  const received = yield* scratch(context, gradient.shape);
  yield* exchanged(context, [gradient], [received]);
  const [queries, keys] = [yield* scratch(context, toQueries.shape), yield* scratch(context, toKeys.shape)];
  yield* localAttention.backward(context, {
    heads: partOf(context, heads),
    sinks,
    ...there,
    gradient: received,
    toQueries: queries,
    toKeys: keys,
  });
  yield* release(received.block);
  yield* exchanged(context, [queries, keys], [toQueries, toKeys]);
  yield* release(queries.block);
  yield* release(keys.block);
}
