/**
 * What cannot be true at once in a scenario. Only what the user has fixed can contradict itself: a list of values is a
 * search, and a search that finds nothing is the planner's answer, not a mistake in the question.
 */
import type { Cluster, MatrixDtype } from './cluster.ts';
import type { Complaint } from './complaint.ts';
import { complaintAt } from './issues.ts';
import type { Precision, Recompute, ScheduleName } from './job.ts';
import { LONG_SEQUENCE } from './defaults.ts';
import { isRegularSplit, PLAIN_ENDS, positionCount } from './layer-split.ts';
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
  readonly tokens: number | null;
  readonly tp: number | null;
  readonly cp: number | null;
  readonly ep: number | null;
  readonly etp: number | null;
  readonly pp: number | null;
  readonly vp: number | null;
  readonly firstLayers: number | null;
  readonly lastLayers: number | null;
  readonly dp: number | null;
  readonly microbatch: number | null;
  readonly schedule: ScheduleName | null;
  readonly sequenceParallel: boolean | null;
  /** Not an axis to search: whatever is listed must be possible on the card. */
  readonly precision: readonly Precision[];
  readonly recompute: Recompute | null;
}

/** One mistake may break several rules: of the findings about one key only the first is told. */
export const contradictions = (fixed: Fixed, tree: Tree): readonly Complaint[] => {
  const findings = RULES.flatMap((rule) => rule(fixed) ?? []);
  const firsts = new Map(findings.toReversed().map((finding) => [finding.at.join('.'), finding]));
  return [...firsts].map(([path, { at, message, suggestion }]) => ({
    ...complaintAt(nearestAt(tree, at), message, { suggestion: suggestion === null ? null : String(suggestion) }),
    path,
  }));
};

interface Finding {
  readonly at: readonly string[];
  readonly message: string;
  readonly suggestion: number | string | null;
}
type Rule = (fixed: Fixed) => Finding | null;

/** Heads, hidden and MLP widths are cut into `tp` equal parts. */
const tensorSplit: Rule = (fixed) => {
  const { model, tp } = fixed;
  if (model === null || tp === null || splitsTensors(fixed)) return null;
  const named = widthsOf(model).filter(([, width]) => width % tp !== 0);
  const message = `${tp} does not divide ${named.map(([name, width]) => name.replace('#', String(width))).join(', ')}`;
  return { at: ['layout', 'tp'], message, suggestion: nearestDegree('tp', fixed, splitsTensors) };
};

const widthsOf = ({ heads, kvHeads, hidden, ffn }: Model): readonly (readonly [string, number])[] => [
  ['# heads', heads],
  ['# kv heads', kvHeads],
  ['hidden #', hidden],
  ['ffn #', ffn],
];
const splitsTensors = ({ model, tp }: Fixed): boolean =>
  model === null || tp === null || widthsOf(model).every(([, width]) => width % tp === 0);

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

/** The fixed axes divide the devices; all together fill them. */
const gridFit: Rule = (fixed) => {
  const axes = gridOf(fixed);
  const last = axes.at(-1);
  if (last === undefined || fillsDevices(fixed)) return null;
  const product = productOf(axes);
  const grid = axes.map(([axis, degree]) => `${axis} ${degree}`).join(' x ');
  const sum = axes.length > 1 ? `${grid} = ${product}` : String(product);
  return {
    at: ['layout', last[0]],
    message: `${sum} ${isWhole(axes) ? 'is not' : 'does not divide'} the ${fixed.devices} devices`,
    suggestion: nearestDegree(last[0], fixed, fillsDevices),
  };
};

type GridAxis = 'tp' | 'cp' | 'pp' | 'dp';
type Degrees = readonly (readonly [GridAxis, number])[];
/** Sequences that are not long are not split unless somebody asks. */
const contextRanks = ({ cp, sequence }: Fixed): number | null =>
  cp ?? (sequence !== null && sequence < LONG_SEQUENCE ? 1 : null);
/** One context rank goes without saying. */
const gridOf = ({ tp, cp, pp, dp }: Fixed): Degrees => {
  const axes = [['tp', tp] as const, ['cp', cp === 1 ? null : cp] as const, ['pp', pp] as const, ['dp', dp] as const];
  return axes.flatMap(([name, degree]) => (degree === null ? [] : [[name, degree] as const]));
};
/** True when nothing is left that could make up the difference to the devices. */
const isWhole = (axes: Degrees): boolean =>
  ['tp', 'pp', 'dp'].every((wanted) => axes.some(([name]) => name === wanted));
const productOf = (axes: Degrees): number => axes.reduce((product, [, degree]) => product * degree, 1);
const fillsDevices = (fixed: Fixed): boolean => {
  const axes = gridOf(fixed);
  if (fixed.devices === null) return true;
  return isWhole(axes) && contextRanks(fixed) !== null
    ? productOf(axes) === fixed.devices
    : fixed.devices % productOf(axes) === 0;
};

/** The nearest degree of an axis with which nothing is wrong, or else with which at least this is right. */
const nearestDegree = (axis: GridAxis, fixed: Fixed, isRight: (fixed: Fixed) => boolean): number | null => {
  const nearest = (isAllowed: (changed: Fixed) => boolean): number | null =>
    nearestNumber(fixed[axis] ?? 1, {
      max: fixed.devices ?? DEGREE_MAX,
      isAllowed: (degree) => isAllowed({ ...fixed, [axis]: degree }),
    });
  return (
    nearest((changed) => splitsTensors(changed) && splitsLayers(changed) && fillsDevices(changed)) ?? nearest(isRight)
  );
};
const DEGREE_MAX = 1024;

const chunksOfSchedule: Rule = ({ vp, schedule }) => {
  if (vp === null || schedule === null) return null;
  const at = ['layout', 'vp'];
  if (schedule === 'interleaved')
    return vp > 1
      ? null
      : { at, message: 'the interleaved schedule needs 2 or more model chunks a rank', suggestion: 2 };
  const wanted = schedule === 'zb-v' || schedule === 'dualpipe' ? 2 : 1;
  if (vp === wanted) return null;
  const message =
    wanted === 2
      ? `the ${schedule} schedule needs 2 model chunks a rank, got ${vp}`
      : `${vp} model chunks a rank need the interleaved schedule, not ${schedule}`;
  return { at, message, suggestion: wanted };
};

const isInterleaved = ({ vp, schedule }: Fixed): boolean =>
  schedule === 'interleaved' || (schedule === null && vp !== null && vp > 1);

const interleavingAlone: Rule = (fixed) =>
  fixed.pp === 1 && isInterleaved(fixed)
    ? { at: ['layout', 'pp'], message: 'interleaving needs 2 or more stages', suggestion: 2 }
    : null;

/** The layers are cut evenly, or evenly with the embedding, the head or both counted as a layer (Megatron-LM). */
const pipelineSplit: Rule = (fixed) => {
  const { model, pp, vp } = fixed;
  if (model === null || pp === null || splitsLayers(fixed)) return null;
  const split = vp === null || vp === 1 ? `${pp} stages` : `${pp} stages of ${vp} model chunks`;
  return {
    at: ['layout', 'pp'],
    message: `${split} do not split ${model.layers} layers evenly, with or without embedding and head as layers`,
    suggestion: nearestDegree('pp', fixed, splitsLayers),
  };
};

/** Ends of a length of their own are judged layout by layout; of DualPipe's two chunks a rank one is a copy. */
const splitsLayers = ({ model, pp, vp, schedule, firstLayers, lastLayers }: Fixed): boolean => {
  if (model === null || pp === null || firstLayers !== null || lastLayers !== null) return true;
  const chunks = pp * (schedule === 'dualpipe' ? 1 : schedule === 'zb-v' ? 2 : (vp ?? 1));
  return isRegularSplit(model.layers, chunks, { ...PLAIN_ENDS, predictors: model.predictors });
};

/** Pipelines side by side, if they are known and the grid they come from is right. */
const dataParallel = (fixed: Fixed): number | null => {
  const { dp, devices, tp, pp } = fixed;
  const cp = contextRanks(fixed);
  if (!fillsDevices(fixed)) return null;
  if (dp !== null) return dp;
  return devices === null || tp === null || pp === null || cp === null ? null : devices / (tp * cp * pp);
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

/** A run is one step or more; `tokens: 300` is a 300B that lost its letter. */
const stepFit: Rule = ({ sequence, globalBatch, tokens }) => {
  const step = (sequence ?? 0) * (globalBatch ?? 0);
  if (tokens === null || sequence === null || globalBatch === null || tokens >= step) return null;
  const message = `${tokens} tokens are fewer than the ${step} of one step, ${globalBatch} sequences of ${sequence}`;
  return { at: ['workload', 'tokens'], message, suggestion: null };
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
  if (cluster === null) return null;
  const { name, peak } = cluster.accelerator;
  const refused = precision.find((listed) => peak[MATRIX_DTYPE[listed]] === undefined);
  if (refused === undefined) return null;
  const wanted = MATRIX_DTYPE[refused];
  const need = wanted === refused ? '' : `, which ${refused} needs`;
  const suggestion = peak.bf16 === undefined ? 'fp16' : 'bf16';
  return { at: ['precision'], message: `${name} does not multiply in ${wanted}${need}`, suggestion };
};

const recomputeReach: Rule = ({ model, recompute, pp, vp, schedule }) => {
  if (model === null || recompute?.kind !== 'full' || recompute.layers === 'all') return null;
  // Dualpipe holds every chunk twice; a schedule that is left free is taken for one that does not.
  const positions = positionCount({ pp: pp ?? 1, vp: vp ?? 1, schedule: schedule ?? '1f1b' });
  const most = Math.ceil(model.layers / positions);
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
  stepFit,
  positionsReach,
  peakKnown,
  recomputeReach,
];
