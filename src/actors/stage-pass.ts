/** One slot of a stage's list: a microbatch goes forward or backward through a model chunk, between two messages. */
import { release, section } from '../effects/ask.ts';
import type { Program, Task } from '../effects/effect.ts';
import type { Moment } from '../memory/moment.ts';
import { join } from '../effects/program.ts';
import type { Tensor } from '../effects/tensor.ts';
import type { DataLoader } from './data-loader.ts';
import { nextTokens } from './data-loader.ts';
import type { DeviceContext } from './device-context.ts';
import type { Bucket, ChunkState, Run } from './model-chunk.ts';
import { shardsGradients, shardsWeights } from './model-chunk.ts';
import type { Departures, Returns } from './offload-copies.ts';
import { finishCopies } from './offload-copies.ts';
import type { Buffers, Gathering, OptimizerShard, Reduction } from './optimizer-shard.ts';
import {
  finishGathering,
  finishReduction,
  gather,
  gradientBuffersFor,
  hasPeers,
  reduce,
  releaseBuffers,
} from './optimizer-shard.ts';
import type { Crossing } from './pipeline-link.ts';
import { isLocal, receiveAcross, sendAcross, tagOf } from './pipeline-link.ts';
import type { Progress } from './progress.ts';
import { unitsAtWork } from './run-weights.ts';
import { neighbourOf, positionAt } from './schedules/placement.ts';
import type { Beside, Feed, ForwardResult, UnitSaved } from './unit-pass.ts';
import { backwardUnits, forwardUnits, ownBlocks, savedBlocks } from './unit-pass.ts';
import type { InputsResult, WeightPass } from './weight-pass.ts';
import { backwardInputs, backwardWeights } from './weight-pass.ts';

export interface PipelineStage {
  readonly context: DeviceContext;
  readonly chunks: readonly ChunkState[];
  /** By chunk. */
  readonly loaders: readonly DataLoader[];
  readonly shard: OptimizerShard;
  /** What each forward pass in flight has kept, by microbatch and chunk. */
  readonly inFlight: Map<number, readonly SavedRun[]>;
  /** What backward passes have left to do for the weights, likewise. */
  readonly postponed: Map<number, Postponed>;
  /** Tensors between two chunks of this rank, by the tag that a message would have. */
  readonly handedOver: Map<number, Tensor>;
  /** Published weights on their way, by run: the first passes wait for them. */
  readonly publishing: Map<Run, Task<void>>;
  readonly reductions: Reduction[];
  readonly progress: Progress;
}
interface SavedRun {
  readonly run: Run;
  readonly saved: readonly UnitSaved[];
}
interface Postponed {
  /** By unit. */
  readonly weights: WeightPass[];
  /** Where the gradients are collected when the rank keeps only shards of them. */
  readonly buffers: Map<Run, Buffers>;
}

/** Runs of units that a pass takes one after another: single buckets where something has to be waited for or sent off. */
const runsFor = (
  { context }: PipelineStage,
  chunk: ChunkState,
  { isCut }: { isCut: boolean },
): readonly (Run | Bucket)[] => (isCut || shardsGradients(context) ? chunk.buckets : [chunk.whole]);
/** What is waited for or sent off is a bucket's. */
const bucketOf = (run: Run | Bucket): Bucket => {
  if ('holdings' in run) return run;
  throw new TypeError(`units ${run.start} to ${run.end} are no bucket`);
};

/** The first microbatch of a chunk finds weights that are still on their way. */
const waitsForWeights = ({ context, publishing }: PipelineStage, { microbatch, chunk }: Moment): boolean =>
  publishing.size > 0 && microbatch === context.ranges[chunk]!.start;

/** Gradients go off when they are complete: with the chunk's last microbatch, or under ZeRO 2 and 3 with each. */
const reducesAfter = ({ context }: PipelineStage, { microbatch, chunk }: Moment): boolean =>
  shardsGradients(context) || (hasPeers(context) && microbatch === context.ranges[chunk]!.end - 1);

const keyOf = ({ context }: PipelineStage, { microbatch, chunk }: Moment): number =>
  microbatch * context.job.layout.vp + chunk;

/** True when some of what the chunk keeps waits on the host; its passes are then no sections, for copies run beside. */
const offloads = ({ units }: ChunkState): boolean => units.some(({ isOffloaded }) => isOffloaded);

/** Waits for the input, runs the chunk forward, and sends the output on. */
// oxlint-disable-next-line eslint/complexity -- a pass reads from top to bottom, each step where it stands
export function* forwardSlot(stage: PipelineStage, moment: Moment): Program<void> {
  const { context } = stage;
  const loader = stage.loaders[moment.chunk]!;
  const state = stage.chunks[moment.chunk]!;
  const { hasEmbedding, hasHead } = state.chunk;
  const ids = hasEmbedding ? yield* nextTokens(loader) : null;
  const labels = hasHead ? yield* nextTokens(loader) : null;
  let flow = hasEmbedding ? null : yield* takeOver(stage, moment, 'forward');
  const feed: Feed = { ids, labels, total: stage.progress.loss };
  const kept: SavedRun[] = [];
  const isFirst = waitsForWeights(stage, moment);
  const runs = runsFor(stage, state, { isCut: isFirst });
  const departures = offloads(state) ? departuresOf(state, moment) : null;
  let ahead: Gathering | null = null;
  for (const [index, run] of runs.entries()) {
    const input = flow;
    const here: Gathering | null = yield* takeGathering(stage, state, { run, ahead });
    const following = runs[index + 1];
    ahead = here !== null && following !== undefined ? yield* gather(stage.shard, state, bucketOf(following)) : null;
    const published = isFirst ? stage.publishing.get(run) : undefined;
    if (published !== undefined) yield* join(published);
    const forward = () => {
      const units = unitsAtWork(context, state, { run, whole: here?.weights ?? null, gradients: null });
      return forwardUnits(context.layer, units, { input, feed }, besideOf(departures, run));
    };
    const result: ForwardResult = yield* departures === null ? section(run.forward, forward, { moment }) : forward();
    if (here !== null) yield* releaseBuffers(here.weights);
    kept.push({ run, saved: result.saved });
    flow = result.output;
  }
  if (departures !== null) yield* finishCopies(departures);
  stage.inFlight.set(keyOf(stage, moment), kept);
  if (flow !== null) yield* handOn(stage, moment, 'forward', flow);
}

/** Gives up what a forward pass has kept, for no backward pass follows. */
export function* discardSlot(stage: PipelineStage, moment: Moment): Program<void> {
  const kept = stage.inFlight.get(keyOf(stage, moment))!;
  stage.inFlight.delete(keyOf(stage, moment));
  for (const { saved } of kept)
    for (const unit of saved) for (const block of savedBlocks(stage.context.layer, unit)) yield* release(block);
}

/** Waits for the output's gradient, runs the chunk backward, sends the input's gradient back and the weights' gradients off. */
export const backwardSlot = (stage: PipelineStage, moment: Moment): Program<void> => backward(stage, moment, null);

/** The same for the inputs alone: what the weights need is left for their pass. */
export function* inputsSlot(stage: PipelineStage, moment: Moment): Program<void> {
  const postponed: Postponed = { weights: [], buffers: new Map() };
  yield* backward(stage, moment, postponed);
  stage.postponed.set(keyOf(stage, moment), postponed);
}

// oxlint-disable-next-line eslint/complexity -- a pass reads from top to bottom, each step where it stands
function* backward(stage: PipelineStage, moment: Moment, postponed: Postponed | null): Program<void> {
  const { context, shard } = stage;
  const state = stage.chunks[moment.chunk]!;
  const saved = stage.inFlight.get(keyOf(stage, moment))!.flatMap((kept) => kept.saved);
  stage.inFlight.delete(keyOf(stage, moment));
  let flow = state.chunk.hasHead ? null : yield* takeOver(stage, moment, 'backward');
  const runs = runsFor(stage, state, { isCut: postponed === null && reducesAfter(stage, moment) });
  const returns = offloads(state) ? returnsOf(context, state, { moment, saved }) : null;
  let ahead: Gathering | null = null;
  for (let index = runs.length - 1; index >= 0; index--) {
    const run = runs[index]!;
    const from = { saved: saved.slice(run.start, run.end), gradient: flow };
    const beside = besideOf(returns, run);
    const here: Gathering | null = yield* takeGathering(stage, state, { run, ahead });
    ahead = here !== null && index > 0 ? yield* gather(shard, state, bucketOf(runs[index - 1]!)) : null;
    const buffers: Buffers | null = shardsGradients(context)
      ? yield* gradientBuffersFor(context, state, bucketOf(run))
      : null;
    const units = () => unitsAtWork(context, state, { run, whole: here?.weights ?? null, gradients: buffers });
    if (postponed === null) {
      const whole = () => backwardUnits(context.layer, units(), from, beside);
      flow = yield* returns === null ? section(run.backward, whole, { moment }) : whole();
    } else {
      const inputs = () => backwardInputs(context.layer, units(), from, beside);
      const result: InputsResult = yield* returns === null ? section(run.inputs, inputs, { moment }) : inputs();
      flow = result.gradient;
      postponed.weights.unshift(...result.weights);
    }
    if (here !== null) yield* releaseBuffers(here.weights);
    if (postponed === null) yield* finishRun(stage, moment, { run, buffers });
    else if (buffers !== null) postponed.buffers.set(run, buffers);
  }
  if (flow !== null) yield* handOn(stage, moment, 'backward', flow);
}

/** Makes the gradients of the weights that a backward pass has left, and sends them off; a whole pass has left nothing. */
export function* weightSlot(stage: PipelineStage, moment: Moment): Program<void> {
  const state = stage.chunks[moment.chunk]!;
  const postponed = stage.postponed.get(keyOf(stage, moment));
  if (postponed === undefined) return;
  stage.postponed.delete(keyOf(stage, moment));
  const runs = runsFor(stage, state, { isCut: reducesAfter(stage, moment) });
  for (const run of runs.toReversed()) {
    const weights = postponed.weights.slice(run.start, run.end);
    yield* section(run.weights, () => backwardWeights(weights), { moment });
    yield* finishRun(stage, moment, { run, buffers: postponed.buffers.get(run) ?? null });
  }
}

/** The run's gradients are there: they are sent off, if this is the time for it. */
function* finishRun(
  stage: PipelineStage,
  moment: Moment,
  { run, buffers }: { run: Run | Bucket; buffers: Buffers | null },
): Program<void> {
  if (reducesAfter(stage, moment)) yield* sendOff(stage, stage.chunks[moment.chunk]!, { run: bucketOf(run), buffers });
  else if (buffers !== null) yield* releaseBuffers(buffers);
}

/** The weights gathered ahead for this run, or gathered now; null when they are resident. */
function* takeGathering(
  { context, shard }: PipelineStage,
  state: ChunkState,
  { run, ahead }: { run: Run | Bucket; ahead: Gathering | null },
): Program<Gathering | null> {
  if (!shardsWeights(context)) return null;
  const here = ahead ?? (yield* gather(shard, state, bucketOf(run)));
  yield* finishGathering(here);
  return here;
}

/** Starts the reduction; a buffer of one before last is given back first, so that two at most are alive. */
function* sendOff(
  stage: PipelineStage,
  chunk: ChunkState,
  { run, buffers }: { run: Bucket; buffers: Buffers | null },
): Program<void> {
  if (buffers !== null && stage.reductions.length > 1) yield* finishReduction(stage.reductions.shift()!);
  stage.reductions.push(yield* reduce(stage.shard, { chunk, run, buffers }));
}

/** What waits on the host of all that a forward pass kept. */
const returnsOf = (
  { layer }: DeviceContext,
  { units }: ChunkState,
  { moment, saved }: { moment: Moment; saved: readonly UnitSaved[] },
): Returns => {
  const waiting = units.map(({ isOffloaded }, index) => (isOffloaded ? ownBlocks(layer, saved[index]!) : []));
  return { moment, underway: null, waiting };
};
const departuresOf = ({ units }: ChunkState, moment: Moment): Departures => ({
  moment,
  underway: null,
  leaves: units.map(({ isOffloaded }) => isOffloaded),
});
const besideOf = <Copies>(copies: Copies | null, { start }: Run): Beside<Copies> | null =>
  copies === null ? null : { copies, start };

type Way = Crossing['pass'];

/** Between the moment's chunk and the one before it, or behind it, on the way of the data. */
const crossingOf = (
  { context }: PipelineStage,
  { microbatch, chunk }: Moment,
  { pass, step, receives }: { pass: Way; step: 1 | -1; receives: boolean },
): Crossing => {
  const { layout } = context.job;
  const here = { stage: context.place.stage, chunk };
  const there = neighbourOf(layout, here, step);
  if (there === null) throw new RangeError(`chunk ${chunk} of stage ${here.stage} is an end of the model`);
  return { peer: there.stage, receiver: positionAt(layout, receives ? here : there), microbatch, pass };
};

/** What comes from the chunk in front, or as a gradient from the one behind. */
function* takeOver(stage: PipelineStage, moment: Moment, pass: Way): Program<Tensor> {
  const crossing = crossingOf(stage, moment, { pass, step: pass === 'forward' ? -1 : 1, receives: true });
  if (!isLocal(stage.context, crossing)) return yield* receiveAcross(stage.context, crossing);
  const tag = tagOf(stage.context, crossing);
  const tensor = stage.handedOver.get(tag);
  if (tensor === undefined) throw new Error(`microbatch ${moment.microbatch} goes ${pass} before its input is there`);
  stage.handedOver.delete(tag);
  return tensor;
}

function* handOn(stage: PipelineStage, moment: Moment, pass: Way, tensor: Tensor): Program<void> {
  const crossing = crossingOf(stage, moment, { pass, step: pass === 'forward' ? 1 : -1, receives: false });
  if (isLocal(stage.context, crossing)) stage.handedOver.set(tagOf(stage.context, crossing), tensor);
  else yield* sendAcross(stage.context, crossing, tensor);
}
