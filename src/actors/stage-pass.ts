/** One slot of a stage's list: a microbatch goes forward or backward through a model chunk, between two messages. */
import { allocate, release, section } from '../effects/ask.ts';
import type { Program, Task } from '../effects/effect.ts';
import type { Moment } from '../memory/moment.ts';
import { join } from '../effects/program.ts';
import type { Block, Tensor } from '../effects/tensor.ts';
import { part } from '../effects/tensor.ts';
import { DTYPE_BYTES } from '../kernels/dtype.ts';
import { bytes } from '../units/quantity.ts';
import type { DataLoader } from './data-loader.ts';
import { nextTokens } from './data-loader.ts';
import type { DeviceContext } from './device-context.ts';
import type { ChunkState, Run } from './model-chunk.ts';
import { shardsGradients, shardsWeights, travellingIn } from './model-chunk.ts';
import type { Gathering, OptimizerShard, Reduction } from './optimizer-shard.ts';
import { finishReduction, gather, reduce } from './optimizer-shard.ts';
import { receiveAcross, sendAcross } from './pipeline-link.ts';
import type { Feed, ForwardResult, UnitAtWork, UnitSaved } from './unit-pass.ts';
import { backwardUnits, forwardUnits } from './unit-pass.ts';

export interface PipelineStage {
  readonly context: DeviceContext;
  readonly chunks: readonly ChunkState[];
  readonly loader: DataLoader;
  readonly shard: OptimizerShard;
  /** What each forward pass in flight has kept, by microbatch and chunk. */
  readonly inFlight: Map<number, readonly SavedRun[]>;
  /** Published weights on their way, by run: the first passes wait for them. */
  readonly publishing: Map<Run, Task<void>>;
  readonly reductions: Reduction[];
}
interface SavedRun {
  readonly run: Run;
  readonly saved: readonly UnitSaved[];
}

/** Runs of units that a pass takes one after another: single buckets where something has to be waited for or sent off. */
const runsFor = ({ context, publishing }: PipelineStage, chunk: ChunkState, moment: Moment): readonly Run[] => {
  if (shardsGradients(context)) return chunk.buckets;
  const isSplit =
    moment.pass === 'forward' ? publishing.size > 0 && moment.microbatch === 0 : reducesAfter(context, moment);
  return isSplit ? chunk.buckets : [chunk.whole];
};
/** Gradients go off when they are complete: in the last microbatch's backward pass, or under ZeRO 2 and 3 in each. */
const reducesAfter = (context: DeviceContext, { microbatch }: Moment): boolean =>
  context.job.layout.dp > 1 && (shardsGradients(context) || microbatch === context.microbatches - 1);

/** The run's units with weights to compute with; `whole` and `gradients` hold the run's when only shards stay here. */
const unitsAtWork = (
  { context: { job } }: PipelineStage,
  { chunk, units }: ChunkState,
  { run, whole, gradients }: { run: Run; whole: Tensor | null; gradients: Tensor | null },
): readonly UnitAtWork[] => {
  let offset = 0;
  const at = (flat: Tensor | null, resident: Tensor, length: number): Tensor =>
    flat === null ? resident : part(flat, offset, length);
  return units.slice(run.start, run.end).map(({ kind, recompute, elements, borrowed, resident }) => {
    const weights = {
      values: at(whole, resident.values, elements),
      gradients: at(gradients, resident.gradients, elements),
    };
    offset += elements;
    const table = kind === 'head' && chunk.hasEmbedding && job.model.tied ? units[0]!.resident : null;
    const tied =
      table === null
        ? null
        : { values: at(whole, table.values, borrowed), gradients: at(gradients, table.gradients, borrowed) };
    offset += borrowed;
    return { kind, recompute, weights, tied };
  });
};

const keyOf = ({ context }: PipelineStage, { microbatch, chunk }: Moment): number =>
  microbatch * context.job.layout.vp + chunk;

/** Position, along the data's way, of the chunk `step` further. */
const neighbour = ({ chunk }: ChunkState, moment: Moment, step: number, receives: boolean) => ({
  position: chunk.position + step,
  receiver: receives ? chunk.position : chunk.position + step,
  microbatch: moment.microbatch,
  pass: moment.pass,
});

/** Waits for the input, runs the chunk forward, and sends the output on. */
export function* forwardSlot(stage: PipelineStage, moment: Moment): Program<void> {
  const { context, loader } = stage;
  const state = stage.chunks[moment.chunk]!;
  const { hasEmbedding, hasHead } = state.chunk;
  const ids = hasEmbedding ? yield* nextTokens(loader) : null;
  const labels = hasHead ? yield* nextTokens(loader) : null;
  let flow = hasEmbedding ? null : yield* receiveAcross(context, neighbour(state, moment, -1, true));
  const feed: Feed = { ids, labels };
  const kept: SavedRun[] = [];
  const runs = runsFor(stage, state, moment);
  let ahead: Gathering | null = null;
  for (const [index, run] of runs.entries()) {
    const input = flow;
    const here: Gathering | null = yield* takeGathering(stage, state, { run, ahead });
    const following = runs[index + 1];
    ahead = here !== null && following !== undefined ? yield* gather(stage.shard, state, following) : null;
    const published = stage.publishing.get(run);
    if (published !== undefined && moment.microbatch === 0) yield* join(published);
    const forward = () => {
      const units = unitsAtWork(stage, state, { run, whole: here?.weights ?? null, gradients: null });
      return forwardUnits(context.layer, units, { input, feed });
    };
    const result: ForwardResult = yield* section(run.forward, forward, { moment });
    if (here !== null) yield* release(here.weights.block);
    kept.push({ run, saved: result.saved });
    flow = result.output;
  }
  stage.inFlight.set(keyOf(stage, moment), kept);
  if (flow !== null) yield* sendAcross(context, neighbour(state, moment, 1, false), flow);
}

/** Waits for the output's gradient, runs the chunk backward, sends the input's gradient back and the weights' gradients off. */
export function* backwardSlot(stage: PipelineStage, moment: Moment): Program<void> {
  const { context, shard } = stage;
  const state = stage.chunks[moment.chunk]!;
  const kept = stage.inFlight.get(keyOf(stage, moment))!;
  stage.inFlight.delete(keyOf(stage, moment));
  let flow = state.chunk.hasHead ? null : yield* receiveAcross(context, neighbour(state, moment, 1, true));
  const runs = runsFor(stage, state, moment);
  let ahead: Gathering | null = null;
  for (let index = runs.length - 1; index >= 0; index--) {
    const run = runs[index]!;
    const gradient = flow;
    const here: Gathering | null = yield* takeGathering(stage, state, { run, ahead });
    ahead = here !== null && index > 0 ? yield* gather(shard, state, runs[index - 1]!) : null;
    const buffer: Block | null = shardsGradients(context) ? yield* gradientBuffer(context, state, run) : null;
    const backward = () => {
      const gradients = buffer === null ? null : flatTensor(context, buffer, travellingIn(state, run));
      const units = unitsAtWork(stage, state, { run, whole: here?.weights ?? null, gradients });
      return backwardUnits(context.layer, units, { saved: savedIn(kept, run), gradient });
    };
    flow = yield* section(run.backward, backward, { moment });
    if (here !== null) yield* release(here.weights.block);
    if (reducesAfter(context, moment)) yield* sendOff(stage, state, { run, buffer });
    else if (buffer !== null) yield* release(buffer);
  }
  if (flow !== null) yield* sendAcross(context, neighbour(state, moment, -1, false), flow);
}

/** The weights gathered ahead for this run, or gathered now; null when they are resident. */
function* takeGathering(
  { context, shard }: PipelineStage,
  state: ChunkState,
  { run, ahead }: { run: Run; ahead: Gathering | null },
): Program<Gathering | null> {
  if (!shardsWeights(context)) return null;
  const here = ahead ?? (yield* gather(shard, state, run));
  yield* join(here.task);
  return here;
}

const gradientBuffer = (context: DeviceContext, state: ChunkState, run: Run): Program<Block> =>
  allocate(bytes(travellingIn(state, run) * DTYPE_BYTES[context.layer.formats.gradient]), 'communication');
const flatTensor = (context: DeviceContext, block: Block, length: number): Tensor => ({
  shape: [length],
  dtype: context.layer.formats.gradient,
  block,
  offset: 0,
});

/** Starts the reduction; a buffer of one before last is given back first, so that two at most are alive. */
function* sendOff(
  stage: PipelineStage,
  chunk: ChunkState,
  { run, buffer }: { run: Run; buffer: Block | null },
): Program<void> {
  if (buffer !== null && stage.reductions.length > 1) yield* finishReduction(stage.reductions.shift()!);
  stage.reductions.push(yield* reduce(stage.shard, { chunk, run, buffer }));
}

/** What the forward passes kept of the units of `run`, however their runs were cut. */
const savedIn = (kept: readonly SavedRun[], { start, end }: Run): readonly UnitSaved[] => {
  const all = kept.flatMap(({ saved }) => saved);
  return all.slice(start, end);
};
