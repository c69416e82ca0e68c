/** Of all ranks that hold the same, the one that stands for them: where squares are summed, and where states are saved. */
import { positionIn } from '../effects/group.ts';
import type { Parameter } from '../model/parameter.ts';
import type { DeviceContext } from './device-context.ts';
import type { Holding } from './holding.ts';
import type { ChunkState } from './model-chunk.ts';
import { holdingsOf } from './model-chunk.ts';
import type { HoldingStates } from './optimizer-states.ts';
import { placementOf } from './schedules/placement.ts';

/** The states of which this rank stands for all ranks of its stage that have the same, tensor ranks apart. */
export const heldOnce = (
  context: DeviceContext,
  chunks: readonly ChunkState[],
  all: readonly HoldingStates[],
): readonly HoldingStates[] => {
  const counted = new Set(holdingsOf(countedChunks(context, chunks)));
  return all.filter(({ holding }) => counted.has(holding) && isFirstHolder(context, holding));
};

/** Not a copy of a table, and not a copy that another tensor rank stands for. */
export const isOriginal =
  ({ seat }: DeviceContext, { part }: Holding) =>
  ({ isCopy, isSharded }: Parameter): boolean =>
    !isCopy && (isSharded || seat[part].index === 0);

/** DualPipe holds every chunk twice: the first of a stage's two stand for all. */
const countedChunks = ({ job }: DeviceContext, chunks: readonly ChunkState[]): readonly ChunkState[] =>
  placementOf(job.layout.schedule) === 'mirrored' ? chunks.slice(0, 1) : chunks;

const isFirstHolder = ({ states, place, job }: DeviceContext, { part }: Holding): boolean => {
  const { shards, replicas } = states[part];
  return positionIn(replicas, place.rank) === 0 && (job.layout.zero > 0 || positionIn(shards, place.rank) === 0);
};
