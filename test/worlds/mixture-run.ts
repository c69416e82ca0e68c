/** One mixture of experts run for real on every rank of a job, forward and backward, and put together again. */
import { deviceContext } from '../../src/actors/device-context.ts';
import { release, tensor } from '../../src/effects/ask.ts';
import type { Program } from '../../src/effects/effect.ts';
import type { Share } from '../../src/effects/share.ts';
import { placeInWhole } from '../../src/effects/share.ts';
import type { Tensor } from '../../src/effects/tensor.ts';
import { elementsOf, part } from '../../src/effects/tensor.ts';
import type { Arena } from '../../src/exec/arena.ts';
import type { Flat, LayerContext } from '../../src/model/context.ts';
import { mixtureBackward, mixtureForward } from '../../src/model/mixture.ts';
import { sharesOf } from '../../src/model/shares.ts';
import { layerUnit } from '../../src/model/unit.ts';
import { rowsOf } from '../../src/kernels/op/positions.ts';
import type { Job } from '../../src/scenario/job.ts';
import { layerKinds } from '../../src/scenario/layer-kind.ts';
import { rank } from '../../src/units/identity.ts';
import { positions } from './collective-case.ts';
import { run, valuesOf } from './exec-here.ts';
import type { Draw } from './filled.ts';
import { unitWeights } from './one-layer.ts';

/** Whole tensors: of the batch by sequence and position, of the weights by name. */
export interface Whole {
  /** [sequences, tokens, hidden] */
  readonly input: Float32Array;
  /** Of the output, likewise: its gradient. */
  readonly gradient: Float32Array;
  readonly weights: ReadonlyMap<string, Float32Array>;
}
export interface Outcome {
  readonly output: Float64Array;
  readonly toInput: Float64Array;
  readonly toWeights: ReadonlyMap<string, Float64Array>;
}

/** Router, experts and shared expert with everyday numbers. */
export const anyWhole = (job: Job, draw: Draw): Whole => {
  const { hidden: h, experts } = job.model;
  const { count, ffn, sharedFfn } = experts!;
  const up = job.model.gated ? 2 : 1;
  const drawn = (length: number, most: number) => Float32Array.from({ length }, () => draw.between(-most, most));
  const tokens = job.workload.globalBatch * job.workload.sequence;
  const weights = new Map([
    ['router', drawn(h * count, 0.5)],
    ['shared up', drawn(h * up * sharedFfn, 0.5)],
    ['shared down', drawn(sharedFfn * h, 0.5)],
  ]);
  for (const expert of positions(count)) {
    weights.set(`experts.${expert}.up`, drawn(h * up * ffn, 0.5));
    weights.set(`experts.${expert}.down`, drawn(ffn * h, 0.5));
  }
  return { input: drawn(tokens * h, 2), gradient: drawn(tokens * h, 1), weights };
};

/** The job's one microbatch a data rank goes through the mixture of its first layer. */
export const runMixture = (job: Job, whole: Whole): Outcome => {
  const outcome = {
    output: new Float64Array(whole.input.length),
    toInput: new Float64Array(whole.input.length),
    toWeights: new Map([...whole.weights].map(([name, { length }]) => [name, new Float64Array(length)])),
  };
  run(positions(job.devices).map((self) => (arena: Arena) => mixtureOn(job, self, { arena, whole, outcome })));
  return outcome;
};

interface Bench {
  readonly arena: Arena;
  readonly whole: Whole;
  readonly outcome: Outcome;
}
function* mixtureOn(job: Job, self: number, { arena, whole, outcome }: Bench): Program<void> {
  const device = deviceContext(job, rank(self));
  const context = device.layer;
  const unit = layerUnit(layerKinds(job.model)[0]!);
  const weights = yield* unitWeights(context, unit);
  const flats = [
    { flat: weights, seat: device.seat.shared },
    { flat: weights.experts!, seat: device.seat.experts },
  ];
  const shared = flats.flatMap(({ flat, seat }) => runsOf(flat, (one) => sharesOf(one, '', seat)));
  for (const { values, gradients, share } of shared) {
    valuesOf(arena, gradients).fill(0);
    const from = whole.weights.get(share.name);
    eachPlace(share, values, (at, local) => (valuesOf(arena, values)[local] = from?.[at] ?? 0));
  }
  const shape = [context.rows, job.model.hidden];
  const rows = { device: device.place.dp, context };
  const normalised = yield* tensor(shape, 'fp32', 'activations');
  const gradient = yield* tensor(shape, 'fp32', 'workspace');
  eachElement(rows, (at, local) => {
    valuesOf(arena, normalised)[local] = whole.input[at]!;
    valuesOf(arena, gradient)[local] = whole.gradient[at]!;
  });
  const { output, saved } = yield* mixtureForward(context, { weights, normalised, drops: new Set() });
  eachElement(rows, (at, local) => (outcome.output[at] = valuesOf(arena, output)[local]!));
  yield* release(output.block);
  const toInput = yield* mixtureBackward(context, { weights, normalised, saved, gradient });
  eachElement(rows, (at, local) => (outcome.toInput[at] = valuesOf(arena, toInput)[local]!));
  for (const { gradients, share } of shared) {
    const into = outcome.toWeights.get(share.name);
    if (into !== undefined)
      eachPlace(share, gradients, (at, local) => (into[at]! += valuesOf(arena, gradients)[local]!));
  }
}

/** Each tensor of the model that a flat one has a part of. */
const runsOf = (
  { parameters, values, gradients }: Flat,
  shares: (parameter: Flat['parameters'][number]) => readonly Share[],
): { values: Tensor; gradients: Tensor; share: Share }[] => {
  let start = 0;
  return parameters.flatMap((parameter) => {
    const of = shares(parameter);
    const length = parameter.elements / of.length;
    return of.map((share) => {
      const run = { values: part(values, start, length), gradients: part(gradients, start, length), share };
      start += length;
      return run;
    });
  });
};

/** Where each element of a rank's part stands in the whole, and in the part. */
const eachPlace = (share: Share, local: Tensor, visit: (at: number, local: number) => void): void => {
  for (const index of positions(elementsOf(local))) {
    const at = placeInWhole(share, index);
    if (at !== null) visit(at, index);
  }
};

/** Where each element of a rank's rows stands in the batch, and in the rows. */
const eachElement = (
  { device, context }: { device: number; context: LayerContext },
  visit: (at: number, local: number) => void,
): void => {
  const { at, rows, tensorIndex, isSequenceParallel, job } = context;
  const h = job.model.hidden;
  for (const row of positions(rows)) {
    const among = row + (isSequenceParallel ? tensorIndex * rows : 0);
    const sequence = device * at.batch + Math.floor(among / rowsOf(at));
    const within = among % rowsOf(at);
    const position = at.starts[Math.floor(within / at.length)]! + (within % at.length);
    for (const column of positions(h))
      visit((sequence * job.workload.sequence + position) * h + column, row * h + column);
  }
};
