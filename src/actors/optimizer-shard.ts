/**
 * This rank's share of the optimizer: it gathers weights, reduces gradients, updates its shard and publishes it.
 * Its traffic runs on a stream of its own beside the passes, one collective behind another, as on one communicator.
 */
import { allocate, collective, compute, mark, release } from '../effects/ask.ts';
import type { Operation, Program, Task } from '../effects/effect.ts';
import { fork, join } from '../effects/program.ts';
import type { Block, Tensor } from '../effects/tensor.ts';
import { elementsOf, segmentLengthMax, segmentOf } from '../effects/tensor.ts';
import { DTYPE_BYTES } from '../kernels/dtype.ts';
import type { Dtype } from '../kernels/dtype.ts';
import { bytes } from '../units/quantity.ts';
import type { DeviceContext } from './device-context.ts';
import type { ChunkState, Run } from './model-chunk.ts';
import { elementsIn, travellingIn } from './model-chunk.ts';

export interface OptimizerShard {
  readonly context: DeviceContext;
  readonly chunks: readonly ChunkState[];
  /** Optimizer states of this rank's share. */
  readonly states: Block;
  /** The last collective put on the stream. */
  last: Task<void> | null;
  /** True from the step's first reduction on. */
  isReducing: boolean;
}

/** Parameters whose states this rank keeps: all, or under ZeRO its share among the data ranks. */
const shareOf = (context: DeviceContext, chunks: readonly ChunkState[]): number => {
  const { zero, dp } = context.job.layout;
  const elements = chunks.reduce((total, chunk) => total + elementsIn(chunk, chunk.whole), 0);
  return zero === 0 ? elements : segmentLengthMax(elements, dp);
};

export function* placeShard(context: DeviceContext, chunks: readonly ChunkState[]): Program<OptimizerShard> {
  const size = bytes(shareOf(context, chunks) * context.layer.formats.optimizerBytes);
  return { context, chunks, states: yield* allocate(size, 'optimizer'), last: null, isReducing: false };
}

function* amongDataRanks(
  { job, dataGroup: group, layer }: DeviceContext,
  operation: Operation,
  { whole, shard }: { whole: Tensor; shard: Tensor },
): Program<void> {
  if (job.layout.dp === 1) return;
  const payload = { elements: elementsOf(whole), dtype: whole.dtype };
  const algorithm = layer.chooseAlgorithm({ operation, group, payload });
  yield* collective({ operation, algorithm, group, whole, shard });
}

function* after(previous: Task<void> | null, program: Program<void>): Program<void> {
  if (previous !== null) yield* join(previous);
  yield* program;
}
/** Starts `program` on the stream, behind all that was put there before. */
function* enqueue(shard: OptimizerShard, program: Program<void>): Program<Task<void>> {
  const task = yield* fork(after(shard.last, program));
  shard.last = task;
  if (!shard.context.job.software.overlap) yield* join(task);
  return task;
}

/** A buffer as one flat tensor. */
const asTensor = (block: Block, length: number, dtype: Dtype): Tensor => ({ shape: [length], dtype, block, offset: 0 });

/** All weights of a run, on their way from the data ranks that hold a shard each. */
export interface Gathering {
  readonly run: Run;
  readonly weights: Tensor;
  readonly task: Task<void>;
}

/** ZeRO 3: brings the run's whole weights here for the time of a pass. */
export function* gather(shard: OptimizerShard, chunk: ChunkState, run: Run): Program<Gathering> {
  const { context } = shard;
  const { weight } = context.layer.formats;
  const elements = travellingIn(chunk, run);
  const block = yield* allocate(bytes(elements * DTYPE_BYTES[weight]), 'communication');
  const whole = asTensor(block, elements, weight);
  const own = segmentOf(whole, context.job.layout.dp, context.place.dp);
  const task = yield* enqueue(shard, amongDataRanks(context, 'all-gather', { whole, shard: own }));
  return { run, weights: whole, task };
}

/** ZeRO 1 and 2 with overlap: the shards updated in the last step reach the others while the first passes run. */
export function* publishRun(shard: OptimizerShard, chunk: ChunkState, run: Run): Program<Task<void>> {
  const { context } = shard;
  const first = chunk.units[run.start]!.resident.values;
  const whole = asTensor(first.block, elementsIn(chunk, run), first.dtype);
  const own = segmentOf(whole, context.job.layout.dp, context.place.dp);
  return yield* enqueue(shard, amongDataRanks(context, 'all-gather', { whole, shard: own }));
}

/** A run's gradients on the way to their sum over the data ranks; `buffer` is given up when they are there. */
export interface Reduction {
  readonly task: Task<void>;
  readonly buffer: Block | null;
}

/**
 * Sends a run's gradients off: without ZeRO every rank gets the sum, with it each its shard of the sum. `buffer` holds
 * them when the rank keeps only shards.
 */
export function* reduce(
  shard: OptimizerShard,
  { chunk, run, buffer }: { chunk: ChunkState; run: Run; buffer: Block | null },
): Program<Reduction> {
  const { context } = shard;
  if (!shard.isReducing) yield* mark('shard', 'reduce');
  shard.isReducing = true;
  const { gradient } = context.layer.formats;
  const elements = buffer === null ? elementsIn(chunk, run) : travellingIn(chunk, run);
  const block = buffer ?? chunk.units[run.start]!.resident.gradients.block;
  const whole = asTensor(block, elements, gradient);
  const own = segmentOf(whole, context.job.layout.dp, context.place.dp);
  const program =
    context.job.layout.zero === 0
      ? amongDataRanks(context, 'all-reduce', { whole, shard: whole })
      : amongDataRanks(context, 'reduce-scatter', { whole, shard: own });
  return { task: yield* enqueue(shard, program), buffer };
}

export function* finishReduction({ task, buffer }: Reduction): Program<void> {
  yield* join(task);
  if (buffer !== null) yield* release(buffer);
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
  yield* compute({ kind: 'adam', ...adam }, [], []);
  if ((zero === 1 || zero === 2) && !context.job.software.overlap) {
    yield* mark('shard', 'publish');
    for (const chunk of chunks) for (const run of chunk.buckets) yield* publishRun(shard, chunk, run);
  }
  yield* mark('shard', 'rest');
  shard.isReducing = false;
  shard.last = null;
}

/** True when the weights that the first microbatch needs are still on their way from the last step. */
export const publishesAhead = ({ job }: DeviceContext): boolean =>
  job.software.overlap && job.layout.dp > 1 && (job.layout.zero === 1 || job.layout.zero === 2);
