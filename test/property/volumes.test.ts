/** Laws of volumes: along every axis ranks send as many bytes as the papers count. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { positionAt } from '../../src/actors/schedules/placement.ts';
import type { Axis } from '../../src/effects/group.ts';
import { DTYPE_BYTES } from '../../src/kernels/dtype.ts';
import type { Parameter } from '../../src/model/parameter.ts';
import { paddedVocabulary } from '../../src/model/parameter.ts';
import { FORMATS } from '../../src/model/precision.ts';
import { chunksOf, splitLayers, unitsOf } from '../../src/model/stages.ts';
import type { Part } from '../../src/model/unit.ts';
import { elementsOfAll, parametersOf, PARTS } from '../../src/model/unit.ts';
import type { Job, Layout } from '../../src/scenario/job.ts';
import { expertDataRanks, microbatchesOf } from '../../src/scenario/job.ts';
import { endsOf, positionCount } from '../../src/scenario/layer-split.ts';
import { message } from '../../src/sim/message.ts';
import { positions } from '../worlds/collective-case.ts';
import { mixtureModel } from '../worlds/families.ts';
import { anyJob, legalJobs, nameOf } from '../worlds/job-case.ts';
import { sentAlong } from '../worlds/volume.ts';

const add = (terms: readonly number[]): number => terms.reduce((sum, term) => sum + term, 0);
const splitOf = ({ model, layout }: Job): readonly number[] =>
  splitLayers(model.layers, positionCount(layout), endsOf(model, layout));

/** Of DualPipe's model chunks every stage pair holds two copies. */
const copies = ({ schedule }: Layout): number => (schedule === 'dualpipe' ? 2 : 1);

/** Elements of one rank's part of a replica, of all stages together. */
const elementsOf = (job: Job, part: Part): number => {
  const { model, layout } = job;
  const { tp, ep, etp, pp } = layout;
  const units = chunksOf(model, splitOf(job)).flatMap((chunk) => unitsOf(chunk));
  const of = units.map((unit) => elementsOfAll(parametersOf(unit, model, { tp, ep, etp, isSplit: pp > 1 })[part]));
  return copies(layout) * add(of);
};

/** Layers whose forward pass backward runs again. */
const layersAgain = (job: Job): number => {
  const { recompute } = job;
  if (recompute.kind !== 'full') return 0;
  const most = recompute.layers === 'all' ? job.model.layers : recompute.layers;
  return add(splitOf(job).map((layers) => Math.min(layers, most)));
};

/** Messages that a microbatch makes on its way; the two chunks where zb-v turns are on one stage. */
const crossings = ({ layout }: Job): number => positionCount(layout) - (layout.schedule === 'zb-v' ? 2 : 1);

/** Tokens of a step. */
const tokensOf = ({ workload }: Job): number => workload.globalBatch * workload.sequence;
const activation = ({ precision }: Job): number => DTYPE_BYTES[FORMATS[precision].activation];

/**
 * Bytes along the tensor axis, all ranks together. One lap of a ring of t ranks moves t - 1 wholes. With b s h elements
 * of activations a microbatch:
 * without sequence parallelism an all-reduce (two laps) after each branch forward and before each backward (Shoeybi et
 * al. 2019, figure 4), one more behind the embedding and one in front of the head; where stages meet, one lap gathers what
 * was sent in parts (Narayanan et al. SC21, section 4.1). In the loss every rank tells the others three numbers a token.
 * With it a gather and a scatter (a lap each) instead, and one more gather a branch in backward, for the input that is
 * kept in parts (Korthikanti et al. 2022, section 4.2.2). Context ranks have their own part of the tokens each. Once a step
 * the gradients of copied weights that ranks have parts of are summed.
 */
const tensorBytes = (job: Job): number => {
  const { model, layout } = job;
  const { tp, sequenceParallel } = layout;
  const again = layersAgain(job);
  const laps = sequenceParallel
    ? model.layers * (4 + 6) + again * 4 + (1 + 1) + (1 + 2)
    : model.layers * (4 + 4) + again * 4 + 2 + 2 + 2 * crossings(job);
  // For a norm over all heads a number a token for queries and one for keys, each time it runs.
  const sums = model.qkNorm === 'all' ? 2 * (2 * model.layers + again) : 0;
  const statistics = 3 * tp + 2 * sums;
  const each = laps * model.hidden * activation(job) + statistics * DTYPE_BYTES.fp32;
  return (tp - 1) * (tokensOf(job) * each + copiedGradientBytes(job)) + normBytes(job, tp);
};

/** The squares of all gradients are summed over all ranks where a step depends on them: two laps of a number in each group of so many. */
const normBytes = ({ precision, training, devices }: Job, size: number): number =>
  precision === 'fp16' || training.clip !== null ? (2 * (size - 1) * DTYPE_BYTES.fp32 * devices) / size : 0;

/**
 * Of what every tensor rank holds a copy of, it has all of the gradient of learned positions; of gains of norms that every
 * head has it has its own heads' part; of all else its rows' part, if rows are split.
 */
const isInParts = ({ layout }: Job, { name, isSharded }: Parameter): boolean =>
  !isSharded && name !== 'position embedding' && (layout.sequenceParallel || /^(query|key) norm gain$/.test(name));

/**
 * Two laps of what a rank updates of them, by all groups of tensor ranks of all stages. With ZeRO each bucket is cut into
 * equal shards, and all messages are as long as that of the rank that has most.
 */
const copiedGradientBytes = (job: Job): number => {
  const { model, layout, precision } = job;
  const { cp, dp, tp, ep, etp, pp, zero, replicas } = layout;
  const shards = zero === 0 ? 1 : (cp * dp) / replicas;
  const chunks = chunksOf(model, splitOf(job)).map((chunk) =>
    unitsOf(chunk).map((unit) => parametersOf(unit, model, { tp, ep, etp, isSplit: pp > 1 }).shared),
  );
  const ofStage = (stage: number): number => {
    const own = positions(layout.vp).map((chunk) => chunks[positionAt(layout, { stage, chunk })]!);
    const buckets = own.flatMap((units) => (zero === 3 ? units : [units.flat()]));
    return Math.max(...positions(shards).map((shard) => add(buckets.map((bucket) => inShard(bucket, shard)))));
  };
  const inShard = (bucket: readonly Parameter[], shard: number): number => {
    const length = elementsOfAll(bucket);
    const [from, to] = [Math.floor((length * shard) / shards), Math.floor((length * (shard + 1)) / shards)];
    let start = 0;
    return add(
      bucket.map((parameter) => {
        const end = start + parameter.elements;
        const common = Math.min(end, to) - Math.max(start, from);
        start = end;
        return isInParts(job, parameter) ? Math.max(0, common) : 0;
      }),
    );
  };
  return dp * cp * 2 * add(positions(pp).map(ofStage)) * DTYPE_BYTES[FORMATS[precision].gradient];
};

/**
 * Every microbatch crosses from chunk to chunk, there and back, once for all tensor ranks; a tied table's gradient once
 * each way, unless both its ends are on one stage; and of DualPipe's chunks each copy's gradient goes to the other.
 */
const pipelineBytes = (job: Job): number => {
  const { model, layout, precision } = job;
  const { tp, pp, cp, dp, zero, schedule } = layout;
  const gradient = DTYPE_BYTES[FORMATS[precision].gradient];
  // Every data rank sends all of it, or each group of shards does together.
  const held = zero === 0 ? dp * cp : layout.replicas;
  const table = paddedVocabulary(model.vocabulary, tp) * model.hidden * gradient;
  const isApart = model.tied && pp > 1 && schedule !== 'zb-v';
  const all = elementsOf(job, 'shared') + elementsOf(job, 'table');
  const mirrored = schedule === 'dualpipe' ? tp * all * gradient : 0;
  return (
    tokensOf(job) * 2 * crossings(job) * model.hidden * activation(job) +
    held * ((isApart ? 2 * table : 0) + mirrored) +
    normBytes(job, pp)
  );
};

/**
 * Elements of a tied table that travel a second time, to the head that works with it beside the embedding: where buckets
 * are single units. A bucket of many, which these small models fit into whole, has the table once.
 */
const lentTable = ({ model, layout: { tp, pp, zero } }: Job): number =>
  model.tied && pp === 1 && zero === 3 ? (paddedVocabulary(model.vocabulary, tp) * model.hidden) / tp : 0;

interface Laps {
  readonly shards: number;
  readonly replicas: number;
}
/**
 * Bytes a lap: two laps of the gradients, or with ZeRO 1 one lap of them and one of the new weights; ZeRO 2 scatters
 * gradients after every microbatch; ZeRO 3 gathers the weights twice a microbatch besides, and has none to publish
 * (Rajbhandari et al. 2020, section 7). Replicas of shards sum theirs in two laps.
 */
const lapBytes = (job: Job, part: Part): Laps => {
  const { weight, gradient } = FORMATS[job.precision];
  const microbatches = microbatchesOf(job);
  const [weights, gradients] = [DTYPE_BYTES[weight], DTYPE_BYTES[gradient]];
  const elements = elementsOf(job, part);
  const lent = elements + (part === 'table' ? lentTable(job) : 0);
  const shards = [
    elements * 2 * gradients,
    elements * (gradients + weights),
    lent * microbatches * gradients + elements * weights,
    lent * microbatches * (gradients + 2 * weights),
  ][job.layout.zero]!;
  return { shards, replicas: 2 * gradients * (job.layout.zero === 1 ? elements : lent * microbatches) };
};

/** Along the axes of the ranks that hold the same weights. */
const stateBytes = (job: Job): Readonly<Record<'dp' | 'edp' | 'replica', number>> => {
  const { tp, cp, dp, ep, etp, replicas } = job.layout;
  const [shared, table, experts] = PARTS.map((part) => lapBytes(job, part)) as [Laps, Laps, Laps];
  return {
    dp: tp * (cp * dp - replicas) * (shared.shards + table.shards) + normBytes(job, (cp * dp) / replicas),
    edp: ep * etp * (expertDataRanks(job.layout) - replicas) * experts.shards,
    replica:
      (replicas - 1) * (tp * (shared.replicas + table.replicas) + ep * etp * experts.replicas) +
      normBytes(job, replicas),
  };
};

/**
 * Keys and values of k heads of width d go round the ring of c ranks forward and backward, their gradients once and home:
 * 2 (c - 1) + c blocks a rank (Liu et al. 2023). Or queries, keys, values and outputs are exchanged for heads, and their
 * gradients back, of which c - 1 in c parts leave the rank (Jacobs et al. 2023).
 */
const contextBytes = (job: Job): number => {
  const { model, layout } = job;
  const { heads, kvHeads, headDim } = model;
  const { cp, contextKind } = layout;
  if (cp === 1) return 0;
  const keys = 2 * kvHeads * headDim;
  const runs = { ring: 2 * (cp - 1) + cp, 'all-to-all': 0 }[contextKind] * keys;
  const exchanged = contextKind === 'ring' ? 0 : (2 * (keys + 2 * heads * headDim) * (cp - 1)) / cp;
  const again = contextKind === 'ring' ? (cp - 1) * keys : exchanged / 2;
  return tokensOf(job) * activation(job) * (model.layers * (runs + exchanged) + layersAgain(job) * again);
};

/**
 * Every token's k rows of width h and their weights go to the experts, the rows come back, and backward the gradients of
 * all of them: 4 h activations and 2 weights a row. Of e ranks' rows e - 1 in e leave the rank; an expert's t tensor
 * ranks each get the rows of the t - 1 others. Before that the same ranks are told how many rows there are for each expert.
 */
const expertBytes = (job: Job): Readonly<Record<'ep' | 'etp', number>> => {
  const { model, layout } = job;
  const { ep, etp } = layout;
  const { experts, hidden, layers } = model;
  if (experts === null) return { ep: 0, etp: 0 };
  const mixtures = experts.layers.slice(0, layers).filter((hasExperts) => hasExperts).length;
  const rows = tokensOf(job) * experts.active * (4 * hidden * activation(job) + 2 * DTYPE_BYTES.fp32) * mixtures;
  const all = rows + rankPasses(job) * experts.count * DTYPE_BYTES.int32;
  return { ep: (all * (ep - 1)) / ep, etp: all * (etp - 1) };
};

/** Times that a rank routes the rows of a microbatch, over all ranks and layers. */
const rankPasses = (job: Job): number => {
  const { layers, experts } = job.model;
  const { tp, cp, dp } = job.layout;
  const mixtures = experts!.layers.slice(0, layers).filter((hasExperts) => hasExperts).length;
  return tp * cp * dp * microbatchesOf(job) * mixtures;
};

/**
 * Context ranks tell each other how often each block of their sequences chose each expert. A block is as many rows as a
 * rank's rows and pieces of sequences are both whole numbers of: here the fewer of both.
 */
const choiceBytes = (job: Job): number => {
  const { tp, cp, microbatch } = job.layout;
  if (cp === 1) return 0;
  const { sequence } = job.workload;
  const blockRows = Math.min((microbatch * sequence) / cp / tp, sequence / cp / 2);
  const whole = ((microbatch * sequence) / blockRows) * job.model.experts!.count * DTYPE_BYTES.int32;
  return (rankPasses(job) / cp) * (cp - 1) * whole;
};

const expectVolumes = (job: Job, axes: Readonly<Partial<Record<Axis, number>>>): void => {
  const { trace } = message(job);
  const counted = Object.keys(axes).map((axis) => [axis, sentAlong(trace, axis as Axis)]);
  expect({ job: nameOf(job), ...Object.fromEntries(counted) }).toEqual({ job: nameOf(job), ...axes });
};
/** Every rank reports three numbers. */
const control = ({ devices }: Job): number => devices * 3 * DTYPE_BYTES.fp32;
const expectDense = (job: Job): void =>
  expectVolumes(job, {
    tp: tensorBytes(job),
    cp: contextBytes(job),
    pp: pipelineBytes(job),
    ...stateBytes(job),
    ...expertBytes(job),
    control: control(job),
  });

/** What the forms above are of: attention straight from the residual stream, with keys of every layer's own. */
const isPlain = ({ model, recompute }: Job): boolean =>
  model.experts === null &&
  model.latent === null &&
  model.kvShare === 1 &&
  model.predictors === 0 &&
  recompute.kind !== 'selective';

describe('the bytes along each axis are those that the papers count', () => {
  test.each([1, 2, 3, 4])('on every layout of %d ranks', (devices) => {
    for (const job of legalJobs(devices, { workload: { globalBatch: 2 * devices } })) expectDense(job);
  });

  test('for every dense model, precision and recomputation', () => {
    const jobs = anyJob.filter((job) => isPlain(job) && !(job.model.tied && job.layout.schedule === 'dualpipe'));
    fc.assert(fc.property(jobs, expectDense), { numRuns: 40 });
  });

  // Of the many layouts of four ranks one in seven, which leaves out no value of any axis.
  test.each([
    [1, 1],
    [2, 1],
    [4, 7],
  ])('of experts, on layouts of %d ranks', (devices, every) => {
    const parts = { model: mixtureModel(), workload: { globalBatch: 2 * devices } };
    for (const job of legalJobs(devices, parts).filter((_, index) => index % every === 0))
      expectVolumes(job, {
        cp: contextBytes(job) + choiceBytes(job),
        ...stateBytes(job),
        ...expertBytes(job),
        control: control(job),
      });
  });
});
