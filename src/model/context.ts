/** What the layer programs of one tensor rank need to know of the job. */
import type { Algorithm, Operation, Program } from '../effects/effect.ts';
import type { Group } from '../effects/group.ts';
import { collective, tensor } from '../effects/ask.ts';
import type { Tensor } from '../effects/tensor.ts';
import { elementsOf, part } from '../effects/tensor.ts';
import type { Job } from '../scenario/job.ts';
import type { Dtype } from '../kernels/dtype.ts';
import type { Formats } from './precision.ts';
import { FORMATS } from './precision.ts';
import type { Parameter, UnitKind } from './unit.ts';
import { paddedVocabulary, parametersOf } from './unit.ts';

/** A unit's weights and gradients, each one flat tensor. */
export interface UnitWeights {
  readonly values: Tensor;
  readonly gradients: Tensor;
}

export type ChooseAlgorithm = (asked: {
  operation: Operation;
  group: Group;
  payload: { elements: number; dtype: Dtype };
}) => Algorithm;

export interface LayerContext {
  readonly job: Job;
  readonly formats: Formats;
  /** The tensor ranks among which this rank's layers are split. */
  readonly group: Group;
  readonly chooseAlgorithm: ChooseAlgorithm;
  /** T: tokens of a microbatch. */
  readonly tokens: number;
  /** Tokens of a microbatch on this rank outside the split layers: T / tp with sequence parallelism, else T. */
  readonly rows: number;
  readonly isSequenceParallel: boolean;
  /** Heads, key and value heads, MLP width and vocabulary rows on this rank. */
  readonly heads: number;
  readonly kvHeads: number;
  readonly ffn: number;
  readonly vocabulary: number;
  readonly parameters: Readonly<Record<UnitKind, readonly Parameter[]>>;
}

export const layerContext = (job: Job, group: Group, chooseAlgorithm: ChooseAlgorithm): LayerContext => {
  const { model, layout, workload } = job;
  const tokens = layout.microbatch * workload.sequence;
  const isSequenceParallel = layout.sequenceParallel && layout.tp > 1;
  const split = { tp: layout.tp, isSplit: layout.pp > 1 };
  return {
    job,
    formats: FORMATS[job.precision],
    group,
    chooseAlgorithm,
    tokens,
    rows: isSequenceParallel ? tokens / layout.tp : tokens,
    isSequenceParallel,
    heads: model.heads / layout.tp,
    kvHeads: model.kvHeads / layout.tp,
    ffn: model.ffn / layout.tp,
    vocabulary: paddedVocabulary(model.vocabulary, layout.tp) / layout.tp,
    parameters: {
      embedding: parametersOf('embedding', model, split),
      layer: parametersOf('layer', model, split),
      head: parametersOf('head', model, split),
    },
  };
};

/** The tensor of that name within a unit's flat weights or gradients. */
export const view = (flat: Tensor, parameters: readonly Parameter[], name: string): Tensor => {
  let start = 0;
  for (const parameter of parameters) {
    if (parameter.name === name) return part(flat, start, parameter.elements);
    start += parameter.elements;
  }
  throw new RangeError(`no parameter ${name} among ${parameters.map((parameter) => parameter.name).join(', ')}`);
};

/** A tensor that backward needs. */
export const activation = (context: LayerContext, shape: readonly number[]): Program<Tensor> =>
  tensor(shape, context.formats.activation, 'activations');
/** A tensor that is gone when the layer is done. */
export const scratch = (context: LayerContext, shape: readonly number[]): Program<Tensor> =>
  tensor(shape, context.formats.activation, 'workspace');

/** Runs a collective among the tensor ranks; nothing happens on a rank that is alone. */
export function* amongTensorRanks(
  { group, chooseAlgorithm }: LayerContext,
  operation: Operation,
  { whole, shard }: { whole: Tensor; shard: Tensor },
): Program<void> {
  if (group.size === 1) return;
  const payload = { elements: elementsOf(whole), dtype: whole.dtype };
  const algorithm = chooseAlgorithm({ operation, group, payload });
  yield* collective({ operation, algorithm, group, whole, shard });
}
