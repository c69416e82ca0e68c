/** What the optimizer keeps of the parameters that a rank updates: master weights where weights are rounded, and moments. */
import { allocate } from '../effects/ask.ts';
import type { Program } from '../effects/effect.ts';
import type { Tensor } from '../effects/tensor.ts';
import { segmentLengthMax } from '../effects/tensor.ts';
import { bytes } from '../units/quantity.ts';
import type { DeviceContext } from './device-context.ts';
import type { Holding } from './holding.ts';
import { placeOnHost } from './host-update.ts';
import type { ChunkState } from './model-chunk.ts';
import { holdingsOf } from './model-chunk.ts';

/** Of a holding's own stretch, in fp32; no master where the weights themselves are updated. */
export interface HoldingStates {
  readonly holding: Holding;
  readonly master: Tensor | null;
  readonly first: Tensor;
  readonly second: Tensor;
}

export const isOnHost = ({ job }: DeviceContext): boolean => job.offload.optimizer === 'dram';

/** Parameters whose states this rank keeps: all, or under ZeRO its share among the ranks that hold the same. */
export const shareOf = (context: DeviceContext, chunks: readonly ChunkState[]): number =>
  holdingsOf(chunks).reduce((share, holding) => share + roomOf(context, holding), 0);
/** Every rank has room for the longest share. */
const roomOf = ({ states, job }: DeviceContext, { part, elements }: Holding): number =>
  job.layout.zero === 0 ? elements : segmentLengthMax(elements, states[part].shards.size);

/** Allocates all states as one block, each holding's behind those of the one before. */
export function* placeStates(context: DeviceContext, chunks: readonly ChunkState[]): Program<readonly HoldingStates[]> {
  const { formats } = context.layer;
  const share = shareOf(context, chunks);
  const block = isOnHost(context)
    ? yield* placeOnHost(context, share)
    : yield* allocate(bytes(share * formats.optimizerBytes), 'optimizer');
  let offset = 0;
  const take = (length: number): Tensor => {
    const taken: Tensor = { shape: [length], dtype: 'fp32', block, offset };
    offset += length;
    return taken;
  };
  return holdingsOf(chunks).map((holding) => {
    const { length } = holding.own;
    return {
      holding,
      master: formats.hasMaster ? take(length) : null,
      first: take(length),
      second: take(length),
    };
  });
}
