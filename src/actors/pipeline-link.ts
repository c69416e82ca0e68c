/** Activations and their gradients between neighbouring stages. */
import { receive, release, send } from '../effects/ask.ts';
import type { Program } from '../effects/effect.ts';
import type { Tensor } from '../effects/tensor.ts';
import { segmentOf } from '../effects/tensor.ts';
import { activation, amongTensorRanks, scratch } from '../model/context.ts';
import type { DeviceContext } from './device-context.ts';
import { counterpart } from './mesh.ts';
import type { Rank } from '../units/identity.ts';
import { DTYPE_BYTES } from '../kernels/dtype.ts';
import type { Bytes } from '../units/quantity.ts';
import { bytes } from '../units/quantity.ts';

export interface Crossing {
  /** Position of the chunk at the other end along the data's way. */
  readonly position: number;
  /** Position of the chunk that receives, and the microbatch: together they name the message. */
  readonly receiver: number;
  readonly microbatch: number;
  readonly pass: 'forward' | 'backward';
}

const peerOf = ({ job, place }: DeviceContext, { position }: Crossing): Rank =>
  counterpart(job.layout, place, position % job.layout.pp);
const tagOf = ({ job }: DeviceContext, { receiver, microbatch, pass }: Crossing): number =>
  (microbatch * job.layout.pp * job.layout.vp + receiver) * 2 + (pass === 'forward' ? 0 : 1);

/**
 * When the tensor ranks hold the same rows, each sends one part of them and the receivers gather the parts over their
 * faster links (the scatter/gather optimisation of Narayanan et al. SC21, section 4.1).
 */
const isScattered = ({ layer }: DeviceContext): boolean => layer.group.size > 1 && !layer.isSequenceParallel;

/** Bytes of one message to a neighbour. */
export const crossingBytes = (context: DeviceContext): Bytes => {
  const { rows, formats, group } = context.layer;
  const size = rows * context.job.model.hidden * DTYPE_BYTES[formats.activation];
  return bytes(isScattered(context) ? Math.ceil(size / group.size) : size);
};

/** Sends [rows, h] to the neighbour and gives it up. */
export function* sendAcross(context: DeviceContext, crossing: Crossing, tensor: Tensor): Program<void> {
  const { layer, place } = context;
  const message = isScattered(context) ? segmentOf(tensor, layer.group.size, place.tp) : tensor;
  yield* send(peerOf(context, crossing), { axis: 'pp', tag: tagOf(context, crossing), tensor: message });
  yield* release(tensor.block);
}

/** Waits for [rows, h] from the neighbour. */
export function* receiveAcross(context: DeviceContext, crossing: Crossing): Program<Tensor> {
  const { layer, place } = context;
  const shape = [layer.rows, context.job.model.hidden];
  const whole = yield* crossing.pass === 'forward' ? activation(layer, shape) : scratch(layer, shape);
  const shard = isScattered(context) ? segmentOf(whole, layer.group.size, place.tp) : whole;
  yield* receive(peerOf(context, crossing), { axis: 'pp', tag: tagOf(context, crossing), into: shard });
  if (isScattered(context)) yield* amongTensorRanks(layer, 'all-gather', { whole, shard });
  return whole;
}
