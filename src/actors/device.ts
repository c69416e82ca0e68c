/** One rank of the job: places its slice of the model, runs its stage for a step, and updates its shard. */
import { allocate, send, tensor } from '../effects/ask.ts';
import type { Program } from '../effects/effect.ts';
import type { Job } from '../scenario/job.ts';
import type { Rank } from '../units/identity.ts';
import { rank } from '../units/identity.ts';
import { dataLoaders } from './data-loader.ts';
import type { DeviceContext } from './device-context.ts';
import type { ChunkState } from './model-chunk.ts';
import { placeChunk } from './model-chunk.ts';
import { exchangeMirroredGradients } from './mirrored-chunk.ts';
import type { OptimizerShard } from './optimizer-shard.ts';
import { placeShard, update } from './optimizer-shard.ts';
import { runStage } from './pipeline-stage.ts';
import type { PipelineStage } from './stage-pass.ts';
import { exchangeTiedGradient } from './tied-embedding.ts';

/** What stays on the rank from step to step. */
export interface Placed {
  readonly chunks: readonly ChunkState[];
  readonly shard: OptimizerShard;
}

/** Allocates everything that stays on the rank from step to step. */
export function* placeDevice(context: DeviceContext): Program<Placed> {
  yield* allocate(context.job.software.frameworkMemory.value, 'framework');
  const chunks: ChunkState[] = [];
  for (const chunk of context.chunks) chunks.push(yield* placeChunk(context, chunk));
  return { chunks, shard: yield* placeShard(context, chunks) };
}

/** One training step. */
export function* trainStep(context: DeviceContext, { chunks, shard }: Placed): Program<void> {
  yield* runStage(stageOf(context, { chunks, shard }));
  yield* finishStep(context, { chunks, shard });
}

/** A stage at the beginning of a step. */
export const stageOf = (context: DeviceContext, { chunks, shard }: Placed): PipelineStage => ({
  context,
  chunks,
  shard,
  loaders: dataLoaders(context),
  inFlight: new Map(),
  postponed: new Map(),
  handedOver: new Map(),
  publishing: new Map(),
  reductions: [],
});

/** What follows the last pass, once the gradients are there. */
export function* finishStep(context: DeviceContext, { chunks, shard }: Placed): Program<void> {
  yield* exchangeMirroredGradients(context, chunks);
  yield* exchangeTiedGradient(context, chunks);
  yield* update(shard);
}

/** The rank of the job's supervisor: it sits beside the devices and computes nothing. */
export const supervisorOf = (job: Pick<Job, 'devices'>): Rank => rank(job.devices);
/** The tag of a rank's report that its step is done. */
export const REPORT_TAG = -2;

/** A rank's whole program: place, train one step, report. */
export function* runDevice(context: DeviceContext): Program<void> {
  const placed = yield* placeDevice(context);
  yield* trainStep(context, placed);
  const report = yield* tensor([1], 'int32', 'communication');
  yield* send(supervisorOf(context.job), { axis: 'control', tag: REPORT_TAG, tensor: report });
}
