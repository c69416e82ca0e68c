/**
 * Attention over context ranks that exchange heads for positions: each computes the core of some heads on whole sequences
 * (Jacobs et al. 2023, DeepSpeed-Ulysses).
 */
import { compute, release } from '../effects/ask.ts';
import type { Program } from '../effects/effect.ts';
import type { Tensor } from '../effects/tensor.ts';
import { elementsOf } from '../effects/tensor.ts';
import type { Columns } from '../kernels/op/positions.ts';
import { rowsOf } from '../kernels/op/positions.ts';
import type { Run } from '../kernels/op/routing.ts';
import type { CoreBackward, CoreForward, CoreKept, CoreMethod, Heads, Standing } from './attention-core.ts';
import { keysIn, keyWidth, queryWidth, sideBySide } from './attention-core.ts';
import type { LayerContext } from './context.ts';
import { activation, among, scratch } from './context.ts';
import { columnsRun, layOut } from './laying-out.ts';
import { localAttention } from './local-attention.ts';

export const headExchange: CoreMethod = { forward, backward };

/** A context rank's part of the heads, on all positions. */
const partOf = ({ groups }: LayerContext, heads: Heads): Heads => ({
  ...heads,
  heads: heads.heads / groups.context.size,
  kvHeads: heads.kvHeads / groups.context.size,
});

/**
 * Heads side by side: where they stand on a rank that has all of them at its own positions, and where on one that has its
 * part of them at all positions.
 */
interface Strip {
  /** Elements a row of all of them. */
  readonly width: number;
  readonly here: Columns;
  readonly there: Columns;
}

/** Tensors of both splits, the elements in all of them, and how those of one find their places in the other. */
interface Exchange {
  readonly from: readonly Tensor[];
  readonly into: readonly Tensor[];
  readonly strips: readonly Strip[];
}

/** From one split to the other: laid out by the peer, exchanged, and laid out anew. Elements stay as many. */
function* exchanged(
  context: LayerContext,
  { from, into }: Exchange,
  runs: { readonly before: readonly Run[]; readonly behind: readonly Run[] },
): Program<void> {
  const elements = into.reduce((total, tensor) => total + elementsOf(tensor), 0);
  const counts = { read: elements, written: elements };
  const dtype = context.formats.activation;
  const [whole, shard] = [yield* scratch(context, [elements]), yield* scratch(context, [elements])];
  yield* compute(layOut(dtype, { ...counts, runs: runs.before }), from, [whole]);
  yield* among(context, context.groups.context, 'all-to-all', { whole, shard });
  yield* release(whole.block);
  yield* compute(layOut(dtype, { ...counts, runs: runs.behind }), [shard], into);
  yield* release(shard.block);
}

/** Heads of positions at hand become positions of heads at hand. */
const gatherPositions = (context: LayerContext, exchange: Exchange): Program<void> =>
  exchanged(context, exchange, { before: ownRows(context, exchange), behind: allRows(context, exchange) });
/** The other way. */
const gatherHeads = (context: LayerContext, exchange: Exchange): Program<void> =>
  exchanged(context, exchange, {
    before: allRows(context, exchange).map(turned),
    behind: ownRows(context, exchange).map(turned),
  });

/** Between the rank's own rows with all heads and the message: a segment a peer, its heads of every row side by side. */
const ownRows = ({ groups, tokens }: LayerContext, { strips }: Exchange): readonly Run[] => {
  const { size } = groups.context;
  const row = strips.reduce((sum, { width }) => sum + width, 0) / size;
  return Array.from({ length: size }, (_, peer) => peer).flatMap((peer) => {
    let start = peer * tokens * row;
    return strips.map(({ width, here }) => {
      const part = width / size;
      const to = { tensor: 0, start, stride: row };
      start += part;
      return columnsRun({ rows: tokens, width: part }, { from: { ...here, start: here.start + peer * part }, to });
    });
  });
};

/** Between the message, a segment a peer, and the rows of all peers with the rank's part of the heads, by sequence and peer. */
const allRows = ({ groups, at, tokens }: LayerContext, { strips }: Exchange): readonly Run[] => {
  const { size } = groups.context;
  const row = strips.reduce((sum, { width }) => sum + width, 0) / size;
  const rows = rowsOf(at);
  let start = 0;
  return strips.map(({ width, there }) => {
    const fromStart = start;
    start += width / size;
    return {
      from: 0,
      to: there.tensor,
      fromStart,
      toStart: there.start,
      run: width / size,
      counts: [size, at.batch, rows],
      fromStrides: [tokens * row, rows * row, row],
      toStrides: [rows * there.stride, size * rows * there.stride, there.stride],
    };
  });
};

const turned = ({ from, to, fromStart, toStart, fromStrides, toStrides, ...run }: Run): Run => ({
  ...run,
  from: to,
  to: from,
  fromStart: toStart,
  toStart: fromStart,
  fromStrides: toStrides,
  toStrides: fromStrides,
});

/** Queries, keys and values of all heads where they stand here, of the rank's part of them where they stand there. */
const stripsOf = (heads: Heads, here: Standing, there: Standing): readonly Strip[] => [
  { width: queryWidth(heads), here: here.query, there: there.query },
  { width: heads.kvHeads * heads.keyDim, here: here.key, there: there.key },
  { width: heads.kvHeads * heads.valueDim, here: here.value, there: there.value },
];
/** All columns of the only tensor. */
const alone = (stride: number): Columns => ({ tensor: 0, start: 0, stride });
const outputStrip = ({ groups }: LayerContext, { heads, valueDim }: Heads): Strip => {
  const width = heads * valueDim;
  return { width, here: alone(width), there: alone(width / groups.context.size) };
};
/** Gradients of queries in the first tensor, of keys and values in the second. */
const gradientsOf = (heads: Heads): Standing => ({
  query: { tensor: 0, start: 0, stride: queryWidth(heads) },
  ...keysIn(heads, 1),
});

/** [tokens of all peers, columns of a part of the heads]. */
const shapeThere = ({ groups, tokens }: LayerContext, width: number): readonly number[] => [
  tokens * groups.context.size,
  width / groups.context.size,
];

function* forward(context: LayerContext, { heads, inputs, standing, output, sinks }: CoreForward): Program<CoreKept> {
  const own = partOf(context, heads);
  const received = yield* activation(context, shapeThere(context, queryWidth(heads) + keyWidth(heads)));
  const strips = stripsOf(heads, standing, sideBySide(own));
  yield* gatherPositions(context, { from: inputs, into: [received], strips });
  const part = yield* activation(context, shapeThere(context, heads.heads * heads.valueDim));
  const there = { inputs: [received], standing: sideBySide(own), output: part };
  const kept = yield* localAttention.forward(context, { heads: own, sinks, ...there });
  yield* gatherHeads(context, { from: [part], into: [output], strips: [outputStrip(context, heads)] });
  return { tensors: [received, part, ...kept.tensors], exchanged: { ...there, kept } };
}

function* backward(context: LayerContext, asked: CoreBackward): Program<void> {
  const { heads, kept, gradient, toQueries, toKeys, sinks } = asked;
  const there = kept.exchanged!;
  const own = partOf(context, heads);
  const received = yield* scratch(context, shapeThere(context, gradient.shape[1]!));
  yield* gatherPositions(context, { from: [gradient], into: [received], strips: [outputStrip(context, heads)] });
  const queries = yield* scratch(context, shapeThere(context, toQueries.shape[1]!));
  const keys = yield* scratch(context, shapeThere(context, toKeys.shape[1]!));
  yield* localAttention.backward(context, {
    heads: own,
    sinks,
    ...there,
    gradient: received,
    toQueries: queries,
    toKeys: keys,
  });
  yield* release(received.block);
  const strips = stripsOf(heads, gradientsOf(heads), gradientsOf(own));
  yield* gatherHeads(context, { from: [queries, keys], into: [toQueries, toKeys], strips });
  yield* release(queries.block);
  yield* release(keys.block);
}
