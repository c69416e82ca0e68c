/** The core of attention on one rank, from queries, keys and values to the weighted values and back, and what it keeps. */
import { release, section } from '../effects/ask.ts';
import type { Program } from '../effects/effect.ts';
import type { Tensor } from '../effects/tensor.ts';
import type { RecomputeModule } from '../scenario/job.ts';
import type { CoreKept, CoreMethod, Heads, Standing } from './attention-core.ts';
import { keyWidth, queryWidth } from './attention-core.ts';
import type { LayerContext, UnitWeights } from './context.ts';
import { findWeight, scratch } from './context.ts';
import { headExchange } from './head-exchange.ts';
import { localAttention } from './local-attention.ts';
import { ringAttention } from './ring-attention.ts';

/** What queries, keys and values are read from: tensors that are the core's to give up, and others'. */
export interface CoreInputs {
  readonly own: readonly Tensor[];
  readonly lent: readonly Tensor[];
  /** In the core's own tensors and behind them in those lent to it. */
  readonly standing: Standing;
}
/** Kept for backward. A null was dropped, to be computed again. */
export interface CoreSaved {
  /** Without tensors of its own when those that it got from other ranks took their place. */
  readonly inputs: CoreInputs | null;
  readonly kept: CoreKept | null;
}
export const coreTensors = ({ inputs, kept }: CoreSaved): readonly Tensor[] => [
  ...(inputs?.own ?? []),
  ...(kept?.tensors ?? []),
];

const methodOf = ({ job: { layout } }: LayerContext): CoreMethod => {
  if (layout.cp === 1) return localAttention;
  return layout.contextKind === 'ring' ? ringAttention : headExchange;
};
const releaseAll = function* (tensors: readonly Tensor[]): Program<void> {
  for (const { block } of tensors) yield* release(block);
};
const readBy = ({ own, lent }: CoreInputs): readonly Tensor[] => [...own, ...lent];

/** Fills `output` [T, heads x valueDim]. */
export function* coreForward(
  context: LayerContext,
  {
    weights,
    heads,
    inputs,
    output,
    drops,
  }: {
    weights: UnitWeights;
    heads: Heads;
    inputs: CoreInputs;
    output: Tensor;
    drops: ReadonlySet<RecomputeModule>;
  },
): Program<CoreSaved> {
  const sinks = findWeight(weights, 'sinks');
  const { standing } = inputs;
  const asked = { heads, inputs: readBy(inputs), standing, output, sinks };
  const kept = yield* methodOf(context).forward(context, asked);
  if (drops.has('core_attn')) yield* releaseAll(kept.tensors);
  const needsInputs = kept.exchanged === null || drops.has('core_attn');
  const dropsInputs = drops.has('mla_up_proj') && context.job.model.latent !== null;
  if (!needsInputs || dropsInputs) yield* releaseAll(inputs.own);
  return {
    inputs: !needsInputs ? { ...inputs, own: [] } : dropsInputs ? null : inputs,
    kept: drops.has('core_attn') ? null : kept,
  };
}

/** Gradient of the output -> gradients of the queries and of the keys with the values, scratch; gives up what it kept. */
export function* coreBackward(
  context: LayerContext,
  {
    weights,
    heads,
    inputs,
    kept: saved,
    output,
    gradient,
  }: {
    weights: UnitWeights;
    heads: Heads;
    inputs: CoreInputs;
    kept: CoreKept | null;
    output: Tensor;
    gradient: Tensor;
  },
): Program<{ toQueries: Tensor; toKeys: Tensor }> {
  const method = methodOf(context);
  const { standing } = inputs;
  const asked = { heads, inputs: readBy(inputs), standing, output, sinks: findWeight(weights, 'sinks') };
  // The output is known, and is written over with the same values.
  const kept =
    saved ??
    (yield* section(`recompute core${heads.window === null ? '' : ' windowed'}`, () => method.forward(context, asked), {
      term: 'recompute',
    }));
  const toQueries = yield* scratch(context, [context.tokens, queryWidth(heads)]);
  const toKeys = yield* scratch(context, [context.tokens, keyWidth(heads)]);
  yield* method.backward(context, { ...asked, kept, gradient, toQueries, toKeys });
  yield* releaseAll([...kept.tensors, ...inputs.own]);
  return { toQueries, toKeys };
}
