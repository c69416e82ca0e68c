/** Activations and their gradients between the ranks of neighbouring stages. */
import { receive, release, send } from '../effects/ask.ts';
import type { Program } from '../effects/effect.ts';
import type { Tensor } from '../effects/tensor.ts';
import { segmentOf } from '../effects/tensor.ts';
import { activation, amongTensorRanks, scratch } from '../model/context.ts';
import type { DeviceContext } from './device-context.ts';
import { counterpart } from './mesh.ts';
import { CROSSING_TAGS } from './tags.ts';
import type { Rank } from '../units/identity.ts';
import { DTYPE_BYTES } from '../kernels/dtype.ts';
import type { Bytes } from '../units/quantity.ts';
import { bytes } from '../units/quantity.ts';

/** A tensor's way from one model chunk to the next. */
export interface Crossing {
  /** Stage of the chunk at the other end. */
  readonly peer: number;
  /** Position of the chunk that receives, and the microbatch: together they name the message. */
  readonly receiver: number;
  readonly microbatch: number;
  readonly pass: 'forward' | 'backward';
}

/** True when both chunks are on this rank, which then hands the tensor to itself. */
export const isLocal = ({ place }: DeviceContext, { peer }: Crossing): boolean => peer === place.stage;

/** Names the tensor among all that a rank sends or hands over in a step; its receiver finds the same name. */
export const tagOf = ({ job }: DeviceContext, { receiver, microbatch, pass }: Crossing): number =>
  CROSSING_TAGS + (microbatch * job.layout.pp * job.layout.vp + receiver) * 2 + (pass === 'forward' ? 0 : 1);

const peerOf = ({ job, place }: DeviceContext, { peer }: Crossing): Rank => counterpart(job.layout, place, peer);

/**
 * When the tensor ranks hold the same rows, each sends one part of them and the receivers gather the parts over their
 * faster links (the scatter/gather optimisation of Narayanan et al. SC21, section 4.1).
 */
const isScattered = ({ layer }: DeviceContext): boolean => layer.groups.tensor.size > 1 && !layer.isSequenceParallel;

/** Bytes of one message to a neighbour. */
export const crossingBytes = (context: DeviceContext): Bytes => {
  const { rows, formats, groups } = context.layer;
  const size = rows * context.job.model.hidden * DTYPE_BYTES[formats.activation];
  return bytes(isScattered(context) ? Math.ceil(size / groups.tensor.size) : size);
};

/** Sends [rows, h] to the neighbour and gives it up. */
export function* sendAcross(context: DeviceContext, crossing: Crossing, tensor: Tensor): Program<void> {
  const { layer, place } = context;
  const message = isScattered(context) ? segmentOf(tensor, layer.groups.tensor.size, place.tp) : tensor;
  yield* send(peerOf(context, crossing), { axis: 'pp', tag: tagOf(context, crossing), tensor: message });
  yield* release(tensor.block);
}

/** Waits for [rows, h] from the neighbour. */
export function* receiveAcross(context: DeviceContext, crossing: Crossing): Program<Tensor> {
  const { layer, place } = context;
  const shape = [layer.rows, context.job.model.hidden];
  const whole = yield* crossing.pass === 'forward' ? activation(layer, shape) : scratch(layer, shape);
  const shard = isScattered(context) ? segmentOf(whole, layer.groups.tensor.size, place.tp) : whole;
  yield* receive(peerOf(context, crossing), { axis: 'pp', tag: tagOf(context, crossing), into: shard });
  if (isScattered(context)) yield* amongTensorRanks(layer, 'all-gather', { whole, shard });
  return whole;
}
