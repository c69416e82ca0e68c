/**
 * The optimizer's step on the host (ZeRO-Offload, Ren et al. 2021, arXiv 2101.06840): gradients go down over the bus, the
 * host's processors update the states, which live in its memory, and the new weights come up.
 */
import { allocate, compute, copy, section } from '../effects/ask.ts';
import type { Program, Task } from '../effects/effect.ts';
import { after, fork, join } from '../effects/program.ts';
import type { Block, Tensor } from '../effects/tensor.ts';
import { segmentLength, segmentLengthMax } from '../effects/tensor.ts';
import { DTYPE_BYTES } from '../kernels/dtype.ts';
import type { Adam, Descent } from '../kernels/op/adam.ts';
import type { Bytes } from '../units/quantity.ts';
import { bytes } from '../units/quantity.ts';
import type { DeviceContext } from './device-context.ts';

/** Pieces of a pipelined update: enough that its ends, where only one of the three works, are short. */
const PIECES = 8;

/** Pieces of a share of so many parameters. */
const piecesOf = ({ job }: DeviceContext, elements: number): number =>
  job.software.overlap ? Math.min(PIECES, Math.max(1, elements)) : 1;

/** Bytes that one parameter's way takes on the bus: its gradient down, its weight up. */
const widthsOf = ({ layer: { formats } }: DeviceContext): { readonly down: number; readonly up: number } => ({
  down: DTYPE_BYTES[formats.gradient],
  up: DTYPE_BYTES[formats.weight],
});

/**
 * Host memory of a share: its states, and the buffers that gradients arrive in and weights set out from, one for the
 * whole share, or two of each for pieces in turn.
 */
const hostBytes = (context: DeviceContext, elements: number): Bytes => {
  const pieces = piecesOf(context, elements);
  const { down, up } = widthsOf(context);
  const buffered = Math.min(2, pieces) * segmentLengthMax(elements, pieces);
  return bytes(elements * context.layer.formats.optimizerBytes + buffered * (down + up));
};

/** Allocates what stays on the host from step to step. */
export const placeOnHost = (context: DeviceContext, elements: number): Program<Block> =>
  allocate(hostBytes(context, elements), 'optimizer', 'dram');

/** The arithmetic of a whole share. */
export interface ShareUpdate {
  readonly op: Adam | Descent;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
}

/**
 * Updates a share of so many parameters in n pieces. With d, a and u the times of a piece down, at the host's processors
 * and up, and two buffers each way, it takes
 *
 *     d + a + u  +  (n - 1) max(d, a, u).
 *
 * What is computed is asked for with the last piece; those before it are asked for by their size alone.
 */
export const updateOnHost = (context: DeviceContext, elements: number, whole: () => ShareUpdate): Program<void> =>
  section(`update ${elements} on the host`, () => pipelined(context, elements, whole()));

function* pipelined(context: DeviceContext, elements: number, { op, inputs, outputs }: ShareUpdate): Program<void> {
  const { down, up } = widthsOf(context);
  const count = piecesOf(context, elements);
  const [arrivals, updates, departures]: [Task<void>[], Task<void>[], Task<void>[]] = [[], [], []];
  for (let index = 0; index < count; index++) {
    const own = segmentLength(elements, count, index);
    const isLast = index === count - 1;
    const piece = compute({ ...op, elements: own }, isLast ? inputs : [], isLast ? outputs : []);
    // A buffer is free again when the piece before last is through with it.
    const room = [arrivals[index - 1], updates[index - 2]];
    arrivals.push(yield* fork(after(room, copy(bytes(own * down), 'dram'))));
    const ready = [arrivals[index], updates[index - 1], departures[index - 2]];
    updates.push(yield* fork(after(ready, piece)));
    const written = [updates[index], departures[index - 1]];
    departures.push(yield* fork(after(written, copy(bytes(own * up), 'hbm'))));
  }
  for (const task of [...arrivals, ...updates, ...departures]) yield* join(task);
}
