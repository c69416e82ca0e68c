/** Copies of the embedding's table, for a tied head and for predictors: their gradients are summed every step. */
import { compute } from '../effects/ask.ts';
import type { Program } from '../effects/effect.ts';
import { positionIn } from '../effects/group.ts';
import type { Tensor } from '../effects/tensor.ts';
import { elementsOf, segmentLengthMax, segmentOf } from '../effects/tensor.ts';
import { weightOf } from '../model/context.ts';
import type { Unit } from '../model/unit.ts';
import type { DeviceContext } from './device-context.ts';
import { addGradient, exchangeGradient } from './gradient-exchange.ts';
import { counterpart } from './mesh.ts';
import type { ChunkState, UnitState } from './model-chunk.ts';
import { shardsGradients } from './model-chunk.ts';

const TAG = -1;

/**
 * Sums the gradients of all copies (of this rank's shares, when data ranks share them out). The table itself is on the
 * first stage and its copies are on the last; or all are on one rank, where the pipeline comes back to its first stage.
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
  if (!(isFirst && isLast)) yield* exchangeGradient(counterpart(job.layout, place, isFirst ? pp - 1 : 0), TAG, own);
  const elements = elementsOf(own);
  const copy = { kind: 'copy', read: elements, written: elements, dtype: own.dtype } as const;
  for (const other of others) yield* compute(copy, [own], [other]);
}

/** Gradients of the chunk's copies of the table, this rank's shares of them. */
const tablesIn = (context: DeviceContext, { units }: ChunkState): readonly Tensor[] =>
  units.flatMap((state) => {
    const name = tableOf(context, state.unit);
    return name === null ? [] : [shareOf(context, state, name)];
  });

/** Under which name a unit holds the table; null if it does not. */
const tableOf = ({ job }: DeviceContext, { kind }: Unit): 'token embedding' | 'head' | null => {
  if (kind === 'embedding' || kind === 'predictor') return 'token embedding';
  return kind === 'head' && job.model.tied ? 'head' : null;
};

const shareOf = (context: DeviceContext, { resident }: UnitState, name: string): Tensor => {
  const { job, place, layer } = context;
  const { shards } = context.states.shared;
  if (shardsGradients(context)) {
    const elements = layer.vocabulary * job.model.hidden;
    return { ...resident.gradients, shape: [segmentLengthMax(elements, shards.size)] };
  }
  const table = weightOf(resident, name).gradient;
  return job.layout.zero === 1 ? segmentOf(table, shards.size, positionIn(shards, place.rank)) : table;
};
