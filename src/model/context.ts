/** What the layer programs of one tensor rank need to know of the job. */
import type { Algorithm, Operation, Program } from '../effects/effect.ts';
import type { Group } from '../effects/group.ts';
import { positionIn } from '../effects/group.ts';
import { collective, release, tensor } from '../effects/ask.ts';
import type { Tensor } from '../effects/tensor.ts';
import { elementsOf, part } from '../effects/tensor.ts';
import type { Job } from '../scenario/job.ts';
import type { Dtype } from '../kernels/dtype.ts';
import type { Positions } from '../kernels/op/positions.ts';
import type { Formats } from './precision.ts';
import { FORMATS } from './precision.ts';
import type { Parameter } from './parameter.ts';
import { paddedVocabulary } from './parameter.ts';
import type { Unit, UnitParameters } from './unit.ts';
import { parametersOf } from './unit.ts';
import type { Rank } from '../units/identity.ts';

/** Weights and their gradients, each one flat tensor, and what both hold in their order. */
export interface Flat {
  readonly parameters: readonly Parameter[];
  readonly values: Tensor;
  readonly gradients: Tensor;
}
export interface UnitWeights extends Flat {
  /** The embedding's table, or a copy of it; null in a unit without one. */
  readonly table: Flat | null;
  /** The routed experts' own; null in a unit without any. */
  readonly experts: Flat | null;
}
/** A weight and the place of its gradient. */
export interface Weight {
  readonly value: Tensor;
  readonly gradient: Tensor;
}

export type ChooseAlgorithm = (asked: {
  operation: Operation;
  group: Group;
  payload: { elements: number; dtype: Dtype };
}) => Algorithm;

/** The ranks that share a layer's work with this one. */
export interface LayerGroups {
  /** Split its projections. */
  readonly tensor: Group;
  /** Hold the other parts of the same sequences. */
  readonly context: Group;
  /** Hold the other experts. */
  readonly expert: Group;
  /** Split its experts. */
  readonly expertTensor: Group;
}

export interface LayerContext {
  readonly job: Job;
  readonly formats: Formats;
  readonly groups: LayerGroups;
  readonly chooseAlgorithm: ChooseAlgorithm;
  /** Index among the tensor ranks. */
  readonly tensorIndex: number;
  /** Index among the context ranks. */
  readonly contextIndex: number;
  /** Index among the expert ranks, and among an expert's tensor ranks. */
  readonly expertIndex: number;
  readonly expertTensorIndex: number;
  /** Where the tokens of a microbatch on this rank stand in their sequences. */
  readonly at: Positions;
  /** T: tokens of a microbatch on this rank's part of the sequences. */
  readonly tokens: number;
  /** Tokens of a microbatch on this rank outside the split layers: T / tp with sequence parallelism, else T. */
  readonly rows: number;
  readonly isSequenceParallel: boolean;
  /** Heads, key and value heads, MLP width and vocabulary rows on this rank. */
  readonly heads: number;
  readonly kvHeads: number;
  readonly ffn: number;
  readonly vocabulary: number;
  /** Where what only weights' gradients need is put off to, for a pass of its own; null when backward does it at once. */
  readonly deferred: (() => Program<void>)[] | null;
  /** What a unit holds on this rank. */
  readonly parametersOf: (unit: Unit) => UnitParameters;
}

/**
 * Every sequence is cut into 2 n pieces for n context ranks, and rank i holds the pieces i and 2 n - 1 - i, so that under
 * the causal mask all have as much to do. A rank alone holds the sequence as one piece.
 */
export const piecesOf = (
  { layout, workload }: Pick<Job, 'layout' | 'workload'>,
  index: number,
): Pick<Positions, 'starts' | 'length'> => {
  const { sequence } = workload;
  if (layout.cp === 1) return { starts: [0], length: sequence };
  const length = sequence / (2 * layout.cp);
  return { starts: [index * length, (2 * layout.cp - 1 - index) * length], length };
};

export const layerContext = (
  job: Job,
  { self, groups }: { self: Rank; groups: LayerGroups },
  chooseAlgorithm: ChooseAlgorithm,
): LayerContext => {
  const { model, layout, workload } = job;
  const contextIndex = positionIn(groups.context, self);
  const tokens = (layout.microbatch * workload.sequence) / layout.cp;
  const isSequenceParallel = layout.sequenceParallel && layout.tp > 1;
  return {
    job,
    formats: FORMATS[job.precision],
    groups,
    chooseAlgorithm,
    tensorIndex: positionIn(groups.tensor, self),
    contextIndex,
    expertIndex: positionIn(groups.expert, self),
    expertTensorIndex: positionIn(groups.expertTensor, self),
    at: { batch: layout.microbatch, ...piecesOf(job, contextIndex) },
    tokens,
    rows: isSequenceParallel ? tokens / layout.tp : tokens,
    isSequenceParallel,
    heads: model.heads / layout.tp,
    kvHeads: model.kvHeads / layout.tp,
    ffn: model.ffn / layout.tp,
    vocabulary: paddedVocabulary(model.vocabulary, layout.tp) / layout.tp,
    deferred: null,
    parametersOf: remembered(job),
  };
};

const remembered = ({ model, layout: { tp, ep, etp, pp } }: Job): LayerContext['parametersOf'] => {
  const known = new Map<string, UnitParameters>();
  return (unit) => {
    let parameters = known.get(unit.name);
    if (parameters === undefined)
      known.set(unit.name, (parameters = parametersOf(unit, model, { tp, ep, etp, isSplit: pp > 1 })));
    return parameters;
  };
};

/** The weight of that name within a unit's flat tensors. */
export const weightOf = (flat: Flat, name: string): Weight => {
  const weight = findWeight(flat, name);
  if (weight === null) throw new RangeError(`no ${name} among ${flat.parameters.map((one) => one.name).join(', ')}`);
  return weight;
};
/** The unit's rows of the vocabulary: the embedding's table, or a copy of it; or those of a head of its own. */
export const tableOf = (weights: UnitWeights, name: string): Weight =>
  weights.table === null ? weightOf(weights, name) : weightOf(weights.table, name);
export const findWeight = ({ parameters, values, gradients }: Flat, name: string): Weight | null => {
  let start = 0;
  for (const parameter of parameters) {
    const { elements } = parameter;
    if (parameter.name === name)
      return { value: part(values, start, elements), gradient: part(gradients, start, elements) };
    start += elements;
  }
  return null;
};

/** A tensor that backward needs. */
export const activation = (context: LayerContext, shape: readonly number[]): Program<Tensor> =>
  tensor(shape, context.formats.activation, 'activations');
/** A tensor that is gone when the layer is done. */
export const scratch = (context: LayerContext, shape: readonly number[]): Program<Tensor> =>
  tensor(shape, context.formats.activation, 'workspace');

/** What only a weight's gradient needs, its operands' release among it: done at once, or in the weight pass. */
export function* forWeights({ deferred }: LayerContext, program: () => Program<void>): Program<void> {
  if (deferred === null) yield* program();
  else deferred.push(program);
}
/** Gives up a tensor that a weight's gradient was the last to need. */
export const releaseAfterWeights = (context: LayerContext, { block }: Tensor): Program<void> =>
  forWeights(context, () => release(block));

/** Runs a collective among the ranks of `group`; nothing happens on a rank that is alone. */
export function* among(
  { chooseAlgorithm }: LayerContext,
  group: Group,
  operation: Operation,
  { whole, shard }: { whole: Tensor; shard: Tensor },
): Program<void> {
  if (group.size === 1) return;
  const payload = { elements: elementsOf(whole), dtype: whole.dtype };
  const algorithm = chooseAlgorithm({ operation, group, payload });
  yield* collective({ operation, algorithm, group, whole, shard });
}
export const amongTensorRanks = (
  context: LayerContext,
  operation: Operation,
  tensors: { whole: Tensor; shard: Tensor },
): Program<void> => among(context, context.groups.tensor, operation, tensors);

/** For what every tensor rank does in full on its own rows: the weights are copies, and nothing is summed. */
export const unsplit = (context: LayerContext): LayerContext => ({
  ...context,
  groups: { ...context.groups, tensor: { ...context.groups.tensor, size: 1 } },
  tokens: context.rows,
  isSequenceParallel: false,
});

/** For a forward run within a backward pass: it leaves nothing to a weight pass. */
export const forwardOnly = (context: LayerContext): LayerContext =>
  context.deferred === null ? context : { ...context, deferred: null };

/** For products that engines leave out of quantisation: they stay in the activations' format. */
export const unquantised = (context: LayerContext): LayerContext => ({
  ...context,
  formats: { ...context.formats, matrix: context.formats.activation },
});
