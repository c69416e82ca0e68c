/** One rank of the job: places its slice of the model, runs its stage step by step, updates its shard, and reports. */
import { allocate, receive, release, route, send, tensor } from '../effects/ask.ts';
import type { Program } from '../effects/effect.ts';
import type { Job } from '../scenario/job.ts';
import type { Rank } from '../units/identity.ts';
import { rank } from '../units/identity.ts';
import { sumCopiedGradients } from './copied-gradients.ts';
import type { Batch } from './data-loader.ts';
import { dataLoaders, FIRST_BATCH } from './data-loader.ts';
import type { DeviceContext } from './device-context.ts';
import { exchangeMirroredGradients } from './mirrored-chunk.ts';
import type { ChunkState } from './model-chunk.ts';
import { placeChunk } from './model-chunk.ts';
import type { OptimizerShard } from './optimizer-shard.ts';
import { placeStates } from './optimizer-states.ts';
import { update } from './optimizer-update.ts';
import { runStage } from './pipeline-stage.ts';
import { REPORT_TAG, WORD_TAG } from './tags.ts';
import type { Itinerary } from './itinerary.ts';
import { savesAfter, validatesAfter } from './itinerary.ts';
import type { Progress } from './progress.ts';
import { clearLoss, placeProgress } from './progress.ts';
import type { PipelineStage } from './stage-pass.ts';
import { loadStates, storeStates } from './states.ts';
import { exchangeTiedGradient } from './tied-embedding.ts';
import { validateBatch } from './validation-pass.ts';

/** What stays on the rank from step to step. */
export interface Placed {
  readonly chunks: readonly ChunkState[];
  readonly shard: OptimizerShard;
  readonly progress: Progress;
}

/** Allocates everything that stays on the rank from step to step, and fills it. */
export function* placeDevice(context: DeviceContext): Program<Placed> {
  yield* allocate(context.job.software.frameworkMemory.value, 'framework');
  const chunks: ChunkState[] = [];
  for (const chunk of context.chunks) chunks.push(yield* placeChunk(context, chunk));
  const states = yield* placeStates(context, chunks);
  yield* loadStates(context, states);
  const progress = yield* placeProgress();
  return { chunks, shard: { context, chunks, states, last: null, isReducing: false }, progress };
}

/** One training step; `step` is its number, from 1. */
export function* trainStep(context: DeviceContext, placed: Placed, step: number): Program<void> {
  yield* clearLoss(placed.progress);
  yield* runStage(stageOf(context, placed, { split: 'train', index: step - 1 }));
  yield* finishStep(context, placed, step);
}

/** A stage at the beginning of a step. */
export const stageOf = (
  context: DeviceContext,
  { chunks, shard, progress }: Placed,
  batch: Batch = FIRST_BATCH,
): PipelineStage => ({
  context,
  chunks,
  shard,
  progress,
  loaders: dataLoaders(context, batch),
  inFlight: new Map(),
  postponed: new Map(),
  handedOver: new Map(),
  publishing: new Map(),
  reductions: [],
});

/** What follows the last pass, once the gradients are there. */
export function* finishStep(context: DeviceContext, { chunks, shard, progress }: Placed, step: number): Program<void> {
  yield* exchangeMirroredGradients(context, chunks);
  yield* exchangeTiedGradient(context, chunks);
  yield* sumCopiedGradients(context, chunks);
  yield* update(shard, progress, step);
}

/** The rank of the job's supervisor: it sits beside the devices and computes nothing. */
export const supervisorOf = (job: Pick<Job, 'devices'>): Rank => rank(job.devices);
/** What the supervisor's word is. */
export const GO_ON = 1;

/** A rank's whole program: place, train, and report after every step. */
export function* runDevice(context: DeviceContext, itinerary: Itinerary): Program<void> {
  const placed = yield* placeDevice(context);
  const supervisor = supervisorOf(context.job);
  const report = (): Program<void> =>
    send(supervisor, { axis: 'control', tag: REPORT_TAG, tensor: placed.progress.report });
  for (let step = itinerary.first; step <= itinerary.last; step++) {
    yield* trainStep(context, placed, step);
    yield* report();
    if (validatesAfter(itinerary, step)) {
      yield* validate(context, placed);
      yield* report();
    }
    const isLast = step === itinerary.last || !(yield* hearsOn(supervisor));
    if (savesAfter(itinerary, step, isLast)) {
      yield* storeStates(context, placed.shard, step);
      yield* report();
    }
    if (isLast) return;
  }
}

/** The losses of the validation batches, the same ones every time. */
function* validate(context: DeviceContext, placed: Placed): Program<void> {
  const { training } = context.job;
  yield* clearLoss(placed.progress);
  for (let index = 0; index < (training.validation?.batches ?? 0); index++)
    yield* validateBatch(context, stageOf(context, placed, { split: 'validation', index }));
}

/** Waits for the supervisor's word; false: the step was the last one. */
function* hearsOn(supervisor: Rank): Program<boolean> {
  const word = yield* tensor([1], 'int32', 'communication');
  yield* receive(supervisor, { axis: 'control', tag: WORD_TAG, into: word });
  const [answer] = yield* route(word, [GO_ON]);
  yield* release(word.block);
  return answer === GO_ON;
}
