/** What the ways of computing the core of attention share: shapes of heads, and one forward and one backward run. */
import type { Program } from '../effects/effect.ts';
import type { Tensor } from '../effects/tensor.ts';
import type { FlashAttention } from '../kernels/op/attention.ts';
import type { Columns } from '../kernels/op/positions.ts';
import type { LayerKind } from '../scenario/layer-kind.ts';
import type { LayerContext, Weight } from './context.ts';

/** Heads on one rank. */
export interface Heads {
  readonly heads: number;
  readonly kvHeads: number;
  /** Width of a query and of a key, and that of a value. */
  readonly keyDim: number;
  readonly valueDim: number;
  readonly window: number | null;
}

export const headsOf = ({ job, heads, kvHeads }: LayerContext, { window }: LayerKind): Heads => {
  const { latent, headDim } = job.model;
  if (latent === null) return { heads, kvHeads, keyDim: headDim, valueDim: headDim, window };
  return { heads, kvHeads: heads, keyDim: latent.plainDim + latent.ropeDim, valueDim: headDim, window };
};
export const queryWidth = ({ heads, keyDim }: Heads): number => heads * keyDim;
export const keyWidth = ({ kvHeads, keyDim, valueDim }: Heads): number => kvHeads * (keyDim + valueDim);

/** Where queries, keys and values stand in rows of the tensors that hold them. */
export type Standing = Readonly<Record<'query' | 'key' | 'value', Columns>>;
/** The heads of a rank side by side in one tensor: queries, keys, values. */
export const sideBySide = (heads: Heads): Standing => {
  const [queries, keys] = [queryWidth(heads), heads.kvHeads * heads.keyDim];
  const at = (start: number): Columns => ({ tensor: 0, start, stride: queries + keyWidth(heads) });
  return { query: at(0), key: at(queries), value: at(queries + keys) };
};
/** Keys and behind them values, in tensor `tensor`. */
export const keysIn = (heads: Heads, tensor: number): Omit<Standing, 'query'> => {
  const at = (start: number): Columns => ({ tensor, start, stride: keyWidth(heads) });
  return { key: at(0), value: at(heads.kvHeads * heads.keyDim) };
};

/** From `inputs`, which hold queries, keys and values, to `output` [tokens, heads x valueDim]. */
export interface CoreForward {
  readonly heads: Heads;
  readonly inputs: readonly Tensor[];
  readonly standing: Standing;
  readonly output: Tensor;
  readonly sinks: Weight | null;
}
/** What a forward run keeps for backward beside its inputs and its output. */
export interface CoreKept {
  readonly tensors: readonly Tensor[];
  /** What was computed on other heads and positions than the rank's own; null when nothing was exchanged. */
  readonly exchanged: Exchanged | null;
}
interface Exchanged {
  readonly inputs: readonly Tensor[];
  readonly standing: Standing;
  readonly output: Tensor;
  readonly kept: CoreKept;
}
/** `gradient` of the output; those of queries and of keys and values are written. What was kept stays. */
export interface CoreBackward extends CoreForward {
  readonly kept: CoreKept;
  readonly gradient: Tensor;
  readonly toQueries: Tensor;
  readonly toKeys: Tensor;
}
export interface CoreMethod {
  readonly forward: (context: LayerContext, asked: CoreForward) => Program<CoreKept>;
  readonly backward: (context: LayerContext, asked: CoreBackward) => Program<void>;
}

/** Sinks are read forward, and get a gradient backward. */
export const sinksRead = ({ sinks }: CoreForward): readonly Tensor[] => (sinks === null ? [] : [sinks.value]);
export const sinksWritten = ({ sinks }: CoreForward): readonly Tensor[] => (sinks === null ? [] : [sinks.gradient]);

export const flashOp = (
  { job, formats }: LayerContext,
  { heads, kvHeads, keyDim, valueDim, window }: Heads,
  {
    standing,
    ...block
  }: Pick<FlashAttention, 'pass' | 'queries' | 'keys' | 'pairs' | 'queriesAt' | 'keysAt'> & { standing: Standing },
): FlashAttention => ({
  kind: 'flash-attention',
  ...block,
  ...standing,
  window,
  sinks: job.model.sinks,
  batch: job.layout.microbatch,
  heads,
  kvHeads,
  keyDim,
  valueDim,
  dtype: formats.activation,
});
