/** The first and the last stage each hold a copy of a tied embedding table: they exchange its gradients every step. */
import { compute, receive, release, send, tensor } from '../effects/ask.ts';
import type { Program } from '../effects/effect.ts';
import { segmentLengthMax, segmentOf } from '../effects/tensor.ts';
import { view } from '../model/context.ts';
import type { DeviceContext } from './device-context.ts';
import { counterpart } from './mesh.ts';
import type { ChunkState } from './model-chunk.ts';
import { shardsGradients } from './model-chunk.ts';

/** Adds the other copy's gradient (of this rank's share, when data ranks share it out) to this one's. */
export function* exchangeTiedGradient(context: DeviceContext, chunks: readonly ChunkState[]): Program<void> {
  const { job, place, layer } = context;
  const { pp, dp, zero } = job.layout;
  const chunk = chunks.find(({ chunk: { hasEmbedding, hasHead } }) => hasEmbedding !== hasHead);
  if (!job.model.tied || pp === 1 || chunk === undefined) return;
  const isFirst = chunk.chunk.hasEmbedding;
  const unit = isFirst ? chunk.units[0]! : chunk.units.at(-1)!;
  const name = isFirst ? 'token embedding' : 'head';
  const table = shardsGradients(context)
    ? { ...unit.resident.gradients, shape: [segmentLengthMax(layer.vocabulary * job.model.hidden, dp)] }
    : view(unit.resident.gradients, layer.parameters[unit.kind], name);
  const own = zero === 1 ? segmentOf(table, dp, place.dp) : table;
  const peer = counterpart(job.layout, place, isFirst ? pp - 1 : 0);
  const arrived = yield* tensor(own.shape, own.dtype, 'communication');
  yield* send(peer, { axis: 'pp', tag: -1, tensor: own });
  yield* receive(peer, { axis: 'pp', tag: -1, into: arrived });
  yield* compute({ kind: 'add', elements: own.shape[0]!, dtype: own.dtype }, [own, arrived], [own]);
  yield* release(arrived.block);
}
