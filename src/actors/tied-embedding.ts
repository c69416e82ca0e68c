/** A tied head, or a predictor, on another stage than the embedding has a copy of its table; once a step their gradients are summed. */
import { compute } from '../effects/ask.ts';
import type { Program } from '../effects/effect.ts';
import type { Tensor } from '../effects/tensor.ts';
import { elementsOf, part } from '../effects/tensor.ts';
import { copyOf } from '../model/laying-out.ts';
import type { DeviceContext } from './device-context.ts';
import { addGradient, exchangeGradient } from './gradient-exchange.ts';
import { ownStretch } from './holding.ts';
import { counterpart } from './mesh.ts';
import type { ChunkState } from './model-chunk.ts';
import { TIED_TAG } from './tags.ts';
import { reducedIn } from './optimizer-shard.ts';

/**
 * Sums the gradients of all copies (of this rank's shares, when data ranks share them out: a table is shared out by itself,
 * so that every copy is cut alike). The table itself is on the first stage and its copies are on the last; or all are on
 * one rank, where the pipeline comes back to its first stage.
 */
export function* exchangeTiedGradient(context: DeviceContext, chunks: readonly ChunkState[]): Program<void> {
  const { job, place } = context;
  const { pp } = job.layout;
  if (pp === 1 || !(job.model.tied || job.model.predictors > 0)) return;
  const [own, ...others] = chunks.flatMap((chunk) => tablesIn(context, chunk));
  if (own === undefined) return;
  for (const other of others) yield* addGradient(own, other);
  const isFirst = chunks.some(({ chunk }) => chunk.hasEmbedding);
  const isLast = chunks.some(({ chunk }) => chunk.hasHead);
  if (!(isFirst && isLast))
    yield* exchangeGradient(counterpart(job.layout, place, isFirst ? pp - 1 : 0), TIED_TAG, own);
  for (const other of others) yield* compute(copyOf(elementsOf(own), own.dtype), [own], [other]);
}

/** Gradients of the chunk's copies of the table, this rank's shares of them. */
const tablesIn = (context: DeviceContext, { buckets }: ChunkState): readonly Tensor[] =>
  buckets.flatMap((bucket) => {
    const own = reducedIn(bucket).table;
    if (own === null) return [];
    const { length } = ownStretch(context, 'table', context.layer.vocabulary * context.job.model.hidden);
    return bucket.holdings.table!.units.map((_, index) => part(own, index * length, length));
  });
