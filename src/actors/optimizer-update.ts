/** The optimizer's step, once every gradient is there: the norm of all, the rank's own update, and room for the next step's. */
import { compute, mark, section } from '../effects/ask.ts';
import type { Program } from '../effects/effect.ts';
import type { Group } from '../effects/group.ts';
import { join } from '../effects/program.ts';
import type { Tensor } from '../effects/tensor.ts';
import { elementsOf } from '../effects/tensor.ts';
import type { Adam, Descent } from '../kernels/op/adam.ts';
import { among } from '../model/context.ts';
import { isDecayed } from '../model/parameter.ts';
import { lossScale } from '../model/precision.ts';
import { learningRateAt } from '../scenario/training.ts';
import { rank } from '../units/identity.ts';
import type { DeviceContext } from './device-context.ts';
import { heldOnce, isOriginal } from './held-once.ts';
import type { Stretch } from './holding.ts';
import { stretchesOf, stretchIn } from './holding.ts';
import { updateOnHost } from './host-update.ts';
import { stageSize } from './mesh.ts';
import type { ChunkState } from './model-chunk.ts';
import { holdingsOf } from './model-chunk.ts';
import type { OptimizerShard } from './optimizer-shard.ts';
import { publishRun } from './optimizer-shard.ts';
import type { HoldingStates } from './optimizer-states.ts';
import { isOnHost, shareOf } from './optimizer-states.ts';
import type { Progress } from './progress.ts';

/** `step`: the number of the step, from 1. Publishes the weights too, unless the next step does. */
export function* update(shard: OptimizerShard, progress: Progress, step: number): Program<void> {
  const { context, chunks } = shard;
  const { zero } = context.job.layout;
  if (!shard.isReducing) yield* mark('shard', 'reduce');
  yield* mark('shard', 'update');
  const elements = shareOf(context, chunks);
  yield* section(`squared norm ${elements}`, () => ownSquares(shard, progress, elements));
  if (needsNorm(context)) yield* sumOverRanks(context, progress.squares);
  const { training, precision } = context.job;
  const clip = { kind: 'clip-factor', norm: training.clip, scale: lossScale(precision) } as const;
  yield* compute(clip, [progress.squares], [progress.factor]);
  if (isOnHost(context))
    yield* updateOnHost(context, elements, () => optimizerOp(shard, { elements, progress, step, on: 'host' }));
  else yield* section(`update ${elements}`, () => updateOnCard(shard, { elements, progress, step }));
  if ((zero === 1 || zero === 2) && !context.job.software.overlap) {
    yield* mark('shard', 'publish');
    for (const chunk of chunks) for (const run of chunk.buckets) yield* join(yield* publishRun(shard, chunk, run));
  }
  yield* section(`clear ${gradientElements(chunks)}`, () => clearGradients(context, chunks));
  yield* mark('shard', 'rest');
  shard.isReducing = false;
  shard.last = null;
}

/** The norm of all gradients is asked for only where a step depends on it: where it is limited, or may be no number. */
const needsNorm = ({ job }: DeviceContext): boolean => job.training.clip !== null || lossScale(job.precision) !== 1;

/** Squares of what this rank stands for, so that over all ranks every parameter's gradient is counted once. */
function* ownSquares(shard: OptimizerShard, { squares }: Progress, elements: number): Program<void> {
  const { context, chunks, states } = shard;
  const pieces = heldOnce(context, chunks, states).flatMap(({ holding }) =>
    stretchesOf(context, holding, isOriginal(context, holding)).map((stretch) =>
      stretchIn(holding.gradients, holding, stretch),
    ),
  );
  const dtype = context.layer.formats.gradient;
  yield* compute({ kind: 'squared-norm', elements, dtype }, pieces, [squares]);
}

/** Over the tensor ranks, over those that hold the same, and over the stages: over all ranks. */
function* sumOverRanks(context: DeviceContext, whole: Tensor): Program<void> {
  const { layer, states, place, job } = context;
  const { shards, replicas } = states.shared;
  const perStage = stageSize(job.layout);
  const stages: Group = { axis: 'pp', first: rank(place.rank % perStage), stride: perStage, size: job.layout.pp };
  for (const group of [layer.groups.tensor, shards, replicas, stages])
    yield* among(layer, group, 'all-reduce', { whole, shard: whole });
}

/** What a step needs to know beside the states. */
export interface Step {
  readonly elements: number;
  readonly progress: Progress;
  readonly step: number;
}

/** A piece of a holding that is updated as one: weight decay holds for all of it, or for none. */
interface Piece extends Stretch {
  readonly states: HoldingStates;
  readonly decays: boolean;
}

const piecesOf = (context: DeviceContext, all: readonly HoldingStates[]): readonly Piece[] =>
  all.flatMap((states) =>
    [true, false].flatMap((decays) =>
      stretchesOf(context, states.holding, (parameter) => isDecayed(parameter) === decays).map((stretch) => ({
        ...stretch,
        states,
        decays,
      })),
    ),
  );

const gradientOf = ({ states: { holding }, ...stretch }: Piece): Tensor =>
  stretchIn(holding.gradients, holding, stretch);
const weightOf = ({ states: { holding }, ...stretch }: Piece): Tensor => stretchIn(holding.values, holding, stretch);
const stateOf = (piece: Piece, which: 'master' | 'first' | 'second'): Tensor => {
  const { states, ...stretch } = piece;
  return stretchIn(states[which]!, states.holding, stretch);
};

const updateOnCard = (shard: OptimizerShard, step: Step): Program<void> => {
  const asked = optimizerOp(shard, { ...step, on: 'card' });
  return compute(asked.op, asked.inputs, asked.outputs);
};

/** The step of the whole share, or what a share that is updated in pieces computes last. */
const optimizerOp = (
  { context, states }: OptimizerShard,
  { elements, progress, step, on }: Step & { on: Adam['on'] },
): { op: Adam | Descent; inputs: readonly Tensor[]; outputs: readonly Tensor[] } => {
  const { formats } = context.layer;
  const { training } = context.job;
  const pieces = piecesOf(context, states);
  const learningRate = learningRateAt(training, step);
  const common = { elements, gradient: formats.gradient, weight: formats.weight, master: formats.hasMaster };
  const inputs = [...pieces.map(gradientOf), progress.factor];
  const masters = formats.hasMaster ? pieces.map((piece) => stateOf(piece, 'master')) : [];
  const weights = [...pieces.map(weightOf), ...masters];
  if (training.optimizer === 'sgd')
    return { op: { kind: 'descent', ...common, learningRate }, inputs, outputs: weights };
  const { beta1, beta2, epsilon, weightDecay } = training;
  const rates = { learningRate, beta1, beta2, epsilon, weightDecay, step };
  const moments = (['first', 'second'] as const).flatMap((which) => pieces.map((piece) => stateOf(piece, which)));
  const op: Adam = { kind: 'adam', ...common, decays: pieces.map(({ decays }) => decays), rates, on };
  return { op, inputs, outputs: [...weights, ...moments] };
};

const gradientTensors = (chunks: readonly ChunkState[]): readonly Tensor[] =>
  holdingsOf(chunks).map(({ gradients }) => gradients);
const gradientElements = (chunks: readonly ChunkState[]): number =>
  gradientTensors(chunks).reduce((sum, tensor) => sum + elementsOf(tensor), 0);

/** The next step adds to them. */
function* clearGradients({ layer }: DeviceContext, chunks: readonly ChunkState[]): Program<void> {
  const elements = gradientElements(chunks);
  yield* compute({ kind: 'fill', value: 0, elements, dtype: layer.formats.gradient }, [], gradientTensors(chunks));
}
