/**
 * What cannot be true at once in a scenario. Only what the user has fixed can contradict itself: a list of values is a
 * search, and a search that finds nothing is the planner's answer, not a mistake in the question.
 */
import type { Cluster, MatrixDtype } from './cluster.ts';
import type { Complaint } from './complaint.ts';
import { complaintAt } from './issues.ts';
import type { Precision, Recompute, ScheduleName } from './job.ts';
import type { Model } from './model.ts';
import { nearestNumber } from './nearest.ts';
import type { Tree } from './tree.ts';
import { nearestAt } from './tree.ts';

/** What is fixed; null is free, or was complained of already. */
export interface Fixed {
  readonly model: Model | null;
  readonly cluster: Cluster | null;
  readonly devices: number | null;
  readonly sequence: number | null;
  readonly globalBatch: number | null;
  readonly tp: number | null;
  readonly pp: number | null;
  readonly vp: number | null;
  readonly dp: number | null;
  readonly microbatch: number | null;
  readonly schedule: ScheduleName | null;
  readonly sequenceParallel: boolean | null;
  readonly precision: Precision | null;
  readonly recompute: Recompute | null;
}

export const contradictions = (fixed: Fixed, tree: Tree): readonly Complaint[] =>
  RULES.flatMap((rule) => rule(fixed) ?? []).map(({ at, message, suggestion }) => ({
    ...complaintAt(nearestAt(tree, at), message, { suggestion: suggestion === null ? null : String(suggestion) }),
    path: at.join('.'),
  }));

interface Finding {
  readonly at: readonly string[];
  readonly message: string;
  readonly suggestion: number | string | null;
}
type Rule = (fixed: Fixed) => Finding | null;

/** Heads, hidden and MLP widths are cut into `tp` equal parts. */
const tensorSplit: Rule = ({ model, tp }) => {
  if (model === null || tp === null) return null;
  const lengths = { heads: model.heads, 'kv heads': model.kvHeads, hidden: model.hidden, ffn: model.ffn };
  const uneven = Object.entries(lengths).filter(([, length]) => length % tp !== 0);
  if (uneven.length === 0) return null;
  const named = uneven.map(([name, length]) => (name.endsWith('heads') ? `${length} ${name}` : `${name} ${length}`));
  const isAllowed = (candidate: number): boolean => Object.values(lengths).every((length) => length % candidate === 0);
  const suggestion = nearestNumber(tp, { max: model.kvHeads, isAllowed });
  return { at: ['layout', 'tp'], message: `${tp} does not divide ${named.join(', ')}`, suggestion };
};

const sequenceParallelAlone: Rule = ({ sequenceParallel, tp }) =>
  sequenceParallel === true && tp === 1
    ? { at: ['layout', 'sequenceParallel'], message: 'true shards over tensor ranks, and tp is 1', suggestion: 'false' }
    : null;

const sequenceSplit: Rule = ({ sequenceParallel, tp, sequence }) =>
  sequenceParallel === true && tp !== null && sequence !== null && sequence % tp !== 0
    ? {
        at: ['workload', 'sequence'],
        message: `${sequence} tokens do not split over ${tp} tensor ranks, as sequenceParallel does`,
        suggestion: nearestNumber(sequence, { max: sequence + tp, isAllowed: (tokens) => tokens % tp === 0 }),
      }
    : null;

/** The fixed axes divide the devices; all three together fill them. */
const gridFit: Rule = ({ tp, pp, dp, devices }) => {
  const axes = Object.entries({ tp, pp, dp }).filter(([, size]) => size !== null);
  const last = axes.at(-1);
  if (devices === null || last === undefined) return null;
  const product = axes.reduce((total, [, size]) => total * (size ?? 1), 1);
  const isFull = axes.length === 3;
  if (isFull ? product === devices : devices % product === 0) return null;
  const [name, size] = last;
  const others = product / (size ?? 1);
  const isAllowed = (candidate: number): boolean =>
    isFull ? others * candidate === devices : devices % (others * candidate) === 0;
  const grid = axes.map(([axis, length]) => `${axis} ${length}`).join(' x ');
  const sum = axes.length > 1 ? `${grid} = ${product}` : String(product);
  return {
    at: ['layout', name],
    message: `${sum} ${isFull ? 'is not' : 'does not divide'} the ${devices} devices`,
    suggestion: nearestNumber(size ?? 1, { max: devices, isAllowed }),
  };
};

const chunksOfSchedule: Rule = ({ vp, schedule }) => {
  if (vp === null || schedule === null) return null;
  const at = ['layout', 'vp'];
  if (schedule === 'interleaved' && vp === 1)
    return { at, message: 'the interleaved schedule needs 2 or more model chunks a rank', suggestion: 2 };
  if (schedule !== 'interleaved' && vp > 1)
    return { at, message: `${vp} model chunks a rank need the interleaved schedule, not ${schedule}`, suggestion: 1 };
  return null;
};

const isInterleaved = ({ vp, schedule }: Fixed): boolean => schedule === 'interleaved' || (vp !== null && vp > 1);

const interleavingAlone: Rule = (fixed) =>
  fixed.pp === 1 && isInterleaved(fixed)
    ? { at: ['layout', 'pp'], message: 'interleaving needs 2 or more stages', suggestion: 2 }
    : null;

/** The layers are cut evenly, or evenly with the embedding, the head or both counted as a layer (Megatron-LM). */
const pipelineSplit: Rule = ({ model, pp, vp }) => {
  if (model === null || pp === null) return null;
  const chunks = vp ?? 1;
  const isAllowed = (stages: number): boolean =>
    model.layers >= stages * chunks && [0, 1, 2].some((ends) => (model.layers + ends) % (stages * chunks) === 0);
  if (isAllowed(pp)) return null;
  const split = chunks === 1 ? `${pp} stages` : `${pp} stages of ${chunks} model chunks`;
  return {
    at: ['layout', 'pp'],
    message: `${split} do not split ${model.layers} layers evenly, with or without embedding and head as layers`,
    suggestion: nearestNumber(pp, { max: model.layers, isAllowed }),
  };
};

const dataParallel = ({ dp, devices, tp, pp }: Fixed): number | null => {
  if (dp !== null) return dp;
  if (devices === null || tp === null || pp === null || devices % (tp * pp) !== 0) return null;
  return devices / (tp * pp);
};

const microbatchFit: Rule = ({ microbatch, globalBatch }) => {
  if (microbatch === null || globalBatch === null || globalBatch % microbatch === 0) return null;
  const isAllowed = (candidate: number): boolean => globalBatch % candidate === 0;
  return {
    at: ['layout', 'microbatch'],
    message:
      microbatch > globalBatch
        ? `${microbatch} sequences are more than the ${globalBatch} of a batch`
        : `${microbatch} does not divide the ${globalBatch} sequences of a batch`,
    suggestion: nearestNumber(microbatch, { max: globalBatch, isAllowed }),
  };
};

/** Every pipeline gets the same number of whole microbatches; an interleaved one as many for each of its stages. */
const batchSplit: Rule = (fixed) => {
  const { globalBatch, pp } = fixed;
  const dp = dataParallel(fixed);
  const microbatch = fixed.microbatch ?? 1;
  if (globalBatch === null || dp === null || globalBatch % microbatch !== 0) return null;
  const rounds = pp !== null && pp > 1 && isInterleaved(fixed) ? pp : 1;
  const step = microbatch * dp * rounds;
  if (globalBatch % step === 0) return null;
  const of = `${dp} pipelines${microbatch === 1 ? '' : ` in microbatches of ${microbatch}`}`;
  const turns = rounds === 1 ? '' : `, each interleaving ${rounds} at a time`;
  return {
    at: ['workload', 'globalBatch'],
    message: `${globalBatch} sequences do not split over ${of}${turns}`,
    suggestion: Math.max(1, Math.round(globalBatch / step)) * step,
  };
};

const positionsReach: Rule = ({ model, sequence }) =>
  model !== null && sequence !== null && model.position === 'learned' && sequence > model.positions
    ? {
        at: ['workload', 'sequence'],
        message: `${sequence} tokens are more than the ${model.positions} learned positions of ${model.name}`,
        suggestion: model.positions,
      }
    : null;

/** The number format in which each precision multiplies matrices. */
const MATRIX_DTYPE: Readonly<Record<Precision, MatrixDtype>> = {
  fp32: 'fp32',
  bf16: 'bf16',
  fp16: 'fp16',
  'fp8-delayed': 'fp8',
  'fp8-current': 'fp8',
  'fp8-block': 'fp8',
  mxfp8: 'fp8',
  nvfp4: 'fp4',
};

const peakKnown: Rule = ({ cluster, precision }) => {
  if (cluster === null || precision === null) return null;
  const { name, peak } = cluster.accelerator;
  const wanted = MATRIX_DTYPE[precision];
  if (peak[wanted] !== undefined) return null;
  const need = wanted === precision ? '' : `, which ${precision} needs`;
  const suggestion = peak.bf16 === undefined ? 'fp16' : 'bf16';
  return { at: ['precision'], message: `${name} does not multiply in ${wanted}${need}`, suggestion };
};

const recomputeReach: Rule = ({ model, recompute, pp, vp }) => {
  if (model === null || recompute?.kind !== 'full' || recompute.layers === 'all') return null;
  const most = Math.ceil(model.layers / ((pp ?? 1) * (vp ?? 1)));
  if (recompute.layers <= most) return null;
  const message = `${recompute.layers} layers are more than the ${most} of a model chunk`;
  return { at: ['recompute'], message, suggestion: 'full' };
};

const RULES: readonly Rule[] = [
  tensorSplit,
  sequenceParallelAlone,
  sequenceSplit,
  gridFit,
  chunksOfSchedule,
  interleavingAlone,
  pipelineSplit,
  microbatchFit,
  batchSplit,
  positionsReach,
  peakKnown,
  recomputeReach,
];
