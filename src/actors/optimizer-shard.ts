/**
 * This rank's share of the optimizer: it gathers weights, reduces gradients, updates its shard and publishes it.
 * Its traffic runs on a stream of its own beside the passes, one collective behind another, as on one communicator.
 */
import { allocate, compute, mark, release } from '../effects/ask.ts';
import type { Program, Task } from '../effects/effect.ts';
import { after, fork, join } from '../effects/program.ts';
import { positionIn } from '../effects/group.ts';
import type { Block, Tensor } from '../effects/tensor.ts';
import { elementsOf, segmentLengthMax, segmentOf } from '../effects/tensor.ts';
import { DTYPE_BYTES } from '../kernels/dtype.ts';
import type { Dtype } from '../kernels/dtype.ts';
import type { Flat } from '../model/context.ts';
import { among } from '../model/context.ts';
import type { Part } from '../model/unit.ts';
import { PARTS } from '../model/unit.ts';
import { bytes } from '../units/quantity.ts';
import type { DeviceContext } from './device-context.ts';
import { placeOnHost, updateOnHost } from './host-update.ts';
import type { ChunkState, Run } from './model-chunk.ts';
import { elementsIn, travellingIn } from './model-chunk.ts';

export interface OptimizerShard {
  readonly context: DeviceContext;
  readonly chunks: readonly ChunkState[];
  /** The last collective put on the stream. */
  last: Task<void> | null;
  /** True from the step's first reduction on. */
  isReducing: boolean;
}

const isOnHost = ({ job }: DeviceContext): boolean => job.offload.optimizer === 'dram';

/** Parameters whose states this rank keeps: all, or under ZeRO its share among the ranks that hold the same. */
const shareOf = (context: DeviceContext, chunks: readonly ChunkState[]): number =>
  PARTS.reduce((share, part) => {
    const elements = chunks.reduce((total, chunk) => total + elementsIn(chunk, chunk.whole, part), 0);
    const { shards } = context.states[part];
    return share + (context.job.layout.zero === 0 ? elements : segmentLengthMax(elements, shards.size));
  }, 0);

export function* placeShard(context: DeviceContext, chunks: readonly ChunkState[]): Program<OptimizerShard> {
  const share = shareOf(context, chunks);
  if (isOnHost(context)) yield* placeOnHost(context, share);
  else yield* allocate(bytes(share * context.layer.formats.optimizerBytes), 'optimizer');
  return { context, chunks, last: null, isReducing: false };
}

/** Starts `program` on the stream, behind all that was put there before. */
function* enqueue(shard: OptimizerShard, name: string, program: Program<void>): Program<Task<void>> {
  const task = yield* fork(after([shard.last], program), name);
  shard.last = task;
  if (!shard.context.job.software.overlap) yield* join(task);
  return task;
}

/** A buffer as one flat tensor. */
const asTensor = (block: Block, length: number, dtype: Dtype): Tensor => ({ shape: [length], dtype, block, offset: 0 });
/** This rank's shard of it. */
const ownOf = ({ states, place }: DeviceContext, part: Part, whole: Tensor): Tensor => {
  const { shards } = states[part];
  return segmentOf(whole, shards.size, positionIn(shards, place.rank));
};
/** What the run's first unit that has this part holds of it: in memory the others follow. */
const residentOf = ({ units }: ChunkState, { start, end }: Run, part: Part): Flat => {
  const holders = units.slice(start, end).filter(({ elements }) => elements[part] > 0);
  const resident = holders[0]?.resident;
  const flat = part === 'shared' ? resident : resident?.experts;
  if (flat === undefined || flat === null) throw new RangeError(`units ${start} to ${end} have no ${part} parameters`);
  return flat;
};

/** Tensors of a run by part; null where it has none. */
export type ByPart = Readonly<Record<Part, Tensor | null>>;

/** All weights of a run, on their way from the ranks that hold a shard each. */
export interface Gathering {
  readonly run: Run;
  readonly weights: ByPart;
  readonly task: Task<void>;
}

/** A buffer for each part of a run that travels. */
export function* buffersFor(chunk: ChunkState, run: Run, dtype: Dtype): Program<ByPart> {
  const buffers: Record<Part, Tensor | null> = { shared: null, experts: null };
  for (const part of PARTS) {
    const elements = travellingIn(chunk, run, part);
    if (elements === 0) continue;
    const block = yield* allocate(bytes(elements * DTYPE_BYTES[dtype]), 'communication');
    buffers[part] = asTensor(block, elements, dtype);
  }
  return buffers;
}
export function* releaseBuffers(buffers: ByPart): Program<void> {
  for (const part of PARTS) if (buffers[part] !== null) yield* release(buffers[part].block);
}

/** ZeRO 3: brings the run's whole weights here for the time of a pass. */
export function* gather(shard: OptimizerShard, chunk: ChunkState, run: Run): Program<Gathering> {
  const { context } = shard;
  const weights = yield* buffersFor(chunk, run, context.layer.formats.weight);
  return { run, weights, task: yield* enqueue(shard, 'gather', gathered(context, weights)) };
}
function* gathered(context: DeviceContext, weights: ByPart): Program<void> {
  for (const part of PARTS) {
    const whole = weights[part];
    if (whole === null) continue;
    const { shards } = context.states[part];
    yield* among(context.layer, shards, 'all-gather', { whole, shard: ownOf(context, part, whole) });
  }
}

/** ZeRO 1 and 2 with overlap: the shards updated in the last step reach the others while the first passes run. */
export function* publishRun(shard: OptimizerShard, chunk: ChunkState, run: Run): Program<Task<void>> {
  return yield* enqueue(
    shard,
    `publish ${chunk.chunk.position}`,
    gathered(shard.context, residentIn(chunk, run, 'values')),
  );
}

/** What stays on the rank of a run, by part. */
const residentIn = (chunk: ChunkState, run: Run, what: 'values' | 'gradients'): ByPart => {
  const of = (part: Part): Tensor | null => {
    const elements = elementsIn(chunk, run, part);
    if (elements === 0) return null;
    const { block, dtype } = residentOf(chunk, run, part)[what];
    return asTensor(block, elements, dtype);
  };
  return { shared: of('shared'), experts: of('experts') };
};

/** What this rank has of a run's gradients once they are reduced: all of them, or under ZeRO its shard. */
export const reducedIn = (context: DeviceContext, chunk: ChunkState, run: Run): ByPart => {
  const { zero } = context.job.layout;
  const gradients = residentIn(chunk, run, 'gradients');
  const of = (part: Part): Tensor | null => {
    const whole = gradients[part];
    if (whole === null || zero === 0) return whole;
    if (zero === 1) return ownOf(context, part, whole);
    return { ...whole, shape: [segmentLengthMax(elementsOf(whole), context.states[part].shards.size)] };
  };
  return { shared: of('shared'), experts: of('experts') };
};

/** A run's gradients on the way to their sum over the ranks that hold the same; the buffers are given up when they are there. */
export interface Reduction {
  readonly task: Task<void>;
  readonly buffers: ByPart | null;
}

/**
 * Sends a run's gradients off: without ZeRO every rank gets the sum, with it each its shard of the sum. `buffers` hold
 * them when the rank keeps only shards.
 */
export function* reduce(
  shard: OptimizerShard,
  { chunk, run, buffers }: { chunk: ChunkState; run: Run; buffers: ByPart | null },
): Program<Reduction> {
  if (!shard.isReducing) yield* mark('shard', 'reduce');
  shard.isReducing = true;
  const gradients = buffers ?? residentIn(chunk, run, 'gradients');
  return { task: yield* enqueue(shard, 'reduce', reduced(shard.context, gradients)), buffers };
}
function* reduced(context: DeviceContext, gradients: ByPart): Program<void> {
  for (const part of PARTS) {
    const whole = gradients[part];
    if (whole === null) continue;
    const { shards, replicas } = context.states[part];
    if (context.job.layout.zero === 0) yield* among(context.layer, shards, 'all-reduce', { whole, shard: whole });
    else {
      const own = ownOf(context, part, whole);
      yield* among(context.layer, shards, 'reduce-scatter', { whole, shard: own });
      yield* among(context.layer, replicas, 'all-reduce', { whole: own, shard: own });
    }
  }
}

export function* finishReduction({ task, buffers }: Reduction): Program<void> {
  yield* join(task);
  if (buffers !== null) yield* releaseBuffers(buffers);
}

/** The step itself, once every gradient is there: clip by the norm, update, and publish unless the next step does. */
export function* update(shard: OptimizerShard): Program<void> {
  const { context, chunks } = shard;
  const { formats } = context.layer;
  const { zero } = context.job.layout;
  if (!shard.isReducing) yield* mark('shard', 'reduce');
  yield* mark('shard', 'update');
  const elements = shareOf(context, chunks);
  yield* compute({ kind: 'squared-norm', elements, dtype: formats.gradient }, [], []);
  const adam = { elements, gradient: formats.gradient, weight: formats.weight, master: formats.hasMaster };
  if (isOnHost(context)) yield* updateOnHost(context, elements);
  else yield* compute({ kind: 'adam', ...adam, on: 'card' }, [], []);
  if ((zero === 1 || zero === 2) && !context.job.software.overlap) {
    yield* mark('shard', 'publish');
    for (const chunk of chunks) for (const run of chunk.buckets) yield* publishRun(shard, chunk, run);
  }
  yield* mark('shard', 'rest');
  shard.isReducing = false;
  shard.last = null;
}

/** True when other ranks hold the same weights, so that gradients have to be summed. */
export const hasPeers = ({ states }: DeviceContext): boolean =>
  PARTS.some((part) => states[part].shards.size * states[part].replicas.size > 1);

/** True when the weights that the first microbatch needs are still on their way from the last step. */
export const publishesAhead = (context: DeviceContext): boolean => {
  const { job } = context;
  return job.software.overlap && hasPeers(context) && (job.layout.zero === 1 || job.layout.zero === 2);
};
