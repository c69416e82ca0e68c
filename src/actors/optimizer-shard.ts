/**
 * This rank's share of the optimizer: it gathers weights, reduces gradients and publishes what it has updated. Its traffic
 * runs on a stream of its own beside the passes, one collective behind another, as on one communicator.
 */
import { allocate, compute, mark, release } from '../effects/ask.ts';
import type { Program, Task } from '../effects/effect.ts';
import { after, fork, join } from '../effects/program.ts';
import type { Tensor } from '../effects/tensor.ts';
import { elementsOf } from '../effects/tensor.ts';
import { DTYPE_BYTES } from '../kernels/dtype.ts';
import type { Dtype } from '../kernels/dtype.ts';
import { among } from '../model/context.ts';
import { copyOf } from '../model/laying-out.ts';
import type { Part } from '../model/unit.ts';
import { PARTS } from '../model/unit.ts';
import { bytes } from '../units/quantity.ts';
import { totalRecord } from '../units/total-record.ts';
import type { DeviceContext } from './device-context.ts';
import { addGradient } from './gradient-exchange.ts';
import type { Holding } from './holding.ts';
import { stretchIn } from './holding.ts';
import type { Bucket, ChunkState } from './model-chunk.ts';
import { borrowedBy, holdingsIn } from './model-chunk.ts';
import type { HoldingStates } from './optimizer-states.ts';

export interface OptimizerShard {
  readonly context: DeviceContext;
  readonly chunks: readonly ChunkState[];
  readonly states: readonly HoldingStates[];
  /** The last collective put on the stream. */
  last: Task<void> | null;
  /** True from the step's first reduction on. */
  isReducing: boolean;
}

/** Starts `program` on the stream, behind all that was put there before. */
function* enqueue(shard: OptimizerShard, name: string, program: Program<void>): Program<Task<void>> {
  const task = yield* fork(after([shard.last], program), name);
  shard.last = task;
  if (!shard.context.job.software.overlap) yield* join(task);
  return task;
}

/** Whole tensors of a bucket of which the rank keeps shards only: by part, and the embedding's table if it is borrowed. */
export interface Buffers {
  readonly byPart: Readonly<Record<Part, Tensor | null>>;
  readonly borrowed: Tensor | null;
}
/** Those that there are, each with what the rank keeps of it. */
const filled = (chunk: ChunkState, bucket: Bucket, { byPart, borrowed }: Buffers): readonly [Tensor, Holding][] => {
  const own = PARTS.flatMap((part): [Tensor, Holding][] =>
    byPart[part] === null ? [] : [[byPart[part], bucket.holdings[part]!]],
  );
  return borrowed === null ? own : [...own, [borrowed, borrowedBy(chunk, bucket)!]];
};

/** All weights of a bucket, on their way from the ranks that hold a shard each. */
export interface Gathering {
  readonly weights: Buffers;
  readonly task: Task<void>;
  /** Buffers that come from no other rank, each with what is copied into it. */
  readonly copied: readonly (readonly [Tensor, Tensor])[];
}

/** A buffer for each part of a bucket. */
function* buffersFor(chunk: ChunkState, bucket: Bucket, dtype: Dtype): Program<Buffers> {
  const byPart: Record<Part, Tensor | null> = { shared: null, table: null, experts: null };
  for (const part of PARTS) byPart[part] = yield* bufferFor(bucket.holdings[part], dtype);
  return { byPart, borrowed: yield* bufferFor(borrowedBy(chunk, bucket), dtype) };
}
function* bufferFor(holding: Holding | null, dtype: Dtype): Program<Tensor | null> {
  if (holding === null) return null;
  const { elements } = holding;
  const block = yield* allocate(bytes(elements * DTYPE_BYTES[dtype]), 'communication');
  return { shape: [elements], dtype, block, offset: 0 };
}
/** Buffers that gradients are added to. */
export function* gradientBuffersFor(context: DeviceContext, chunk: ChunkState, bucket: Bucket): Program<Buffers> {
  const dtype = context.layer.formats.gradient;
  const buffers = yield* buffersFor(chunk, bucket, dtype);
  const tensors = filled(chunk, bucket, buffers).map(([tensor]) => tensor);
  const elements = tensors.reduce((sum, tensor) => sum + elementsOf(tensor), 0);
  yield* compute({ kind: 'fill', value: 0, elements, dtype }, [], tensors);
  return buffers;
}
export function* releaseBuffers({ byPart, borrowed }: Buffers): Program<void> {
  for (const part of PARTS) if (byPart[part] !== null) yield* release(byPart[part].block);
  if (borrowed !== null) yield* release(borrowed.block);
}

/** ZeRO 3: brings the bucket's whole weights here for the time of a pass. */
export function* gather(shard: OptimizerShard, chunk: ChunkState, run: Bucket): Program<Gathering> {
  const { context } = shard;
  const weights = yield* buffersFor(chunk, run, context.layer.formats.weight);
  const wholes = filled(chunk, run, weights);
  const copied = wholes
    .filter(([, { part }]) => context.states[part].shards.size === 1)
    .map(([whole, { values }]) => [whole, values] as const);
  return { weights, task: yield* enqueue(shard, 'gather', gatherAll(context, wholes)), copied };
}
/** Waits for the weights. Nothing is computed on the stream: a rank computes one thing at a time. */
export function* finishGathering({ task, copied }: Gathering): Program<void> {
  yield* join(task);
  for (const [whole, values] of copied) yield* compute(copyOf(elementsOf(whole), whole.dtype), [values], [whole]);
}
function* gatherAll(context: DeviceContext, wholes: readonly (readonly [Tensor, Holding])[]): Program<void> {
  for (const [whole, holding] of wholes) {
    const { shards } = context.states[holding.part];
    const own = ownIn(holding.values, holding);
    yield* among(context.layer, shards, 'all-gather', { whole, shard: own });
  }
}

/** ZeRO 1 and 2 with overlap: the shards updated in the last step reach the others while the first passes run. */
export function* publishRun(shard: OptimizerShard, chunk: ChunkState, bucket: Bucket): Program<Task<void>> {
  const values = holdingsIn(bucket).map((holding): [Tensor, Holding] => [holding.values, holding]);
  return yield* enqueue(shard, `publish ${chunk.chunk.position}`, gatherAll(shard.context, values));
}

/** What this rank has of a bucket's gradients once they are reduced: all of them, or under ZeRO its shard. */
export const reducedIn = (bucket: Bucket): Readonly<Record<Part, Tensor | null>> =>
  totalRecord(PARTS, (part) => {
    const holding = bucket.holdings[part];
    return holding === null ? null : ownIn(holding.gradients, holding);
  });

/** A bucket's gradients on the way to their sum over the ranks that hold the same; the buffers are given up when they are there. */
export interface Reduction {
  readonly task: Task<void>;
  readonly buffers: Buffers | null;
  /** This rank's shards of the sums in the buffers, each with the gradients that it is added to. */
  readonly sums: readonly (readonly [Tensor, Tensor])[];
}

/**
 * Sends a bucket's gradients off: without ZeRO every rank gets the sum, with it each its shard of the sum. `buffers` hold
 * them when the rank keeps only shards.
 */
export function* reduce(
  shard: OptimizerShard,
  { chunk, run, buffers }: { chunk: ChunkState; run: Bucket; buffers: Buffers | null },
): Program<Reduction> {
  if (!shard.isReducing) yield* mark('shard', 'reduce');
  shard.isReducing = true;
  const wholes =
    buffers === null
      ? holdingsIn(run).map((holding): [Tensor, Holding] => [holding.gradients, holding])
      : filled(chunk, run, buffers);
  const sums =
    buffers === null
      ? []
      : wholes.map(([whole, holding]) => [ownIn(whole, holding), ownIn(holding.gradients, holding)] as const);
  return { task: yield* enqueue(shard, 'reduce', reduceAll(shard.context, wholes)), buffers, sums };
}
const ownIn = (tensor: Tensor, holding: Holding): Tensor => stretchIn(tensor, holding, holding.own);
function* reduceAll(context: DeviceContext, wholes: readonly (readonly [Tensor, Holding])[]): Program<void> {
  for (const [whole, holding] of wholes) {
    const { shards, replicas } = context.states[holding.part];
    if (context.job.layout.zero === 0) {
      yield* among(context.layer, shards, 'all-reduce', { whole, shard: whole });
      continue;
    }
    const own = ownIn(whole, holding);
    yield* among(context.layer, shards, 'reduce-scatter', { whole, shard: own });
    yield* among(context.layer, replicas, 'all-reduce', { whole: own, shard: own });
  }
}

export function* finishReduction({ task, buffers, sums }: Reduction): Program<void> {
  yield* join(task);
  for (const [sum, gradients] of sums) yield* addGradient(gradients, sum);
  if (buffers !== null) yield* releaseBuffers(buffers);
}

/** True when other ranks hold the same weights, so that gradients have to be summed. */
export const hasPeers = ({ states }: DeviceContext): boolean =>
  PARTS.some((part) => states[part].shards.size * states[part].replicas.size > 1);

/** True when the weights that the first microbatch needs are still on their way from the last step. */
export const publishesAhead = (context: DeviceContext): boolean => {
  const { job } = context;
  return job.software.overlap && hasPeers(context) && (job.layout.zero === 1 || job.layout.zero === 2);
};
