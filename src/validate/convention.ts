/** How a source counts the FLOPs behind its TFLOP/s or MFU: sources differ by a third on recomputation and by 2x on attention. */
import type { MatrixDtype } from '../scenario/cluster.ts';
import type { Job } from '../scenario/job.ts';
import { layerElements } from '../scenario/layer-elements.ts';
import type { LayerKind } from '../scenario/layer-kind.ts';
import { kindCounts, predictorKind } from '../scenario/layer-kind.ts';
import type { Filled } from './filled.ts';
import { assume, stated } from './filled.ts';
import type { Row } from './row.ts';

export interface Convention {
  /** Every pair of tokens, the pairs below the diagonal, or none at all. */
  readonly attention: 'full' | 'causal' | 'none';
  /** Recomputed work counts (hardware FLOPs). */
  readonly recompute: boolean;
  /** Weight gradients count; frozen weights have none. */
  readonly weightGradients: boolean;
}

export const conventionOf = ({ flops_convention: text }: Row): Filled<Convention> => {
  if (text === null || text === 'unknown')
    return assume(
      { attention: 'full', recompute: false, weightGradients: true },
      'FLOPs: model FLOPs with full attention, the convention is not stated',
    );
  return stated({
    attention: attentionOf(text),
    recompute: /hardware|incl[a-z.]* (full )?recompute|4x/i.test(text),
    weightGradients: !/weight-gradient excluded/.test(text),
  });
};

const attentionOf = (text: string): Convention['attention'] => {
  if (/6N\b|params\s*(x|\*)\s*tokens/i.test(text)) return 'none';
  return /causal/.test(text) && !/non-causal/.test(text) ? 'causal' : 'full';
};

/**
 * FLOPs of one step: tokens x [sum over layers (2 P w' + 4 a k n d r) + 2 (1 + D) h V w + 4 D h h w], with P the matrix
 * elements of a layer that a token meets (of routed experts the active ones), a the share of token pairs counted, k the
 * keys of a query (the sequence, or the window), n heads of d elements, h hidden, V vocabulary, D predictors, each a layer
 * more; w is 3 passes (forward, and backward twice), r and w' are w plus what recomputation adds if that counts.
 */
export const stepFlops = (job: Job, convention: Convention): number => {
  const { model, workload } = job;
  const { hidden, vocabulary, predictors } = model;
  const passes = convention.weightGradients ? 3 : 2;
  const again = convention.recompute ? recomputedShare(job) : { parameters: 0, scores: 0 };
  const layers = [...kindCounts(model), ...(predictors > 0 ? [[predictorKind(model), predictors] as const] : [])];
  const ends = 2 * (1 + predictors) * hidden * vocabulary + 4 * predictors * hidden ** 2;
  const perToken = layers.reduce((total, [kind, count]) => {
    const { matrices } = layerElements(model, kind, model.experts?.active ?? 0);
    const scores = scoresOf(job, kind, convention);
    return total + count * (2 * matrices * (passes + again.parameters) + scores * (3 + again.scores));
  }, ends * passes);
  return workload.globalBatch * workload.sequence * perToken;
};

/** Scores and weighted values of one token in a forward pass: 2 (keyDim + valueDim) a key and head. */
const scoresOf = ({ model, workload }: Job, kind: LayerKind, { attention }: Convention): number => {
  const { heads, headDim, latent } = model;
  const width = latent === null ? 2 * headDim : latent.plainDim + latent.ropeDim + headDim;
  return 2 * KEYS[attention](workload.sequence, Math.min(workload.sequence, kind.window ?? Infinity)) * heads * width;
};

/** Keys that a query is taken to meet of `sequence` tokens, no more than `window` of them. */
const KEYS: Readonly<Record<Convention['attention'], (sequence: number, window: number) => number>> = {
  full: (_, window) => window,
  causal: (sequence, window) => window - window ** 2 / (2 * sequence),
  none: () => 0,
};

/** Shares of a layer's forward pass that are run again. */
const recomputedShare = ({ recompute, model, layout }: Job): { parameters: number; scores: number } => {
  if (recompute.kind === 'none') return { parameters: 0, scores: 0 };
  if (recompute.kind === 'selective') return { parameters: 0, scores: recompute.modules.includes('core_attn') ? 1 : 0 };
  const share = recompute.layers === 'all' ? 1 : Math.min(1, (recompute.layers * layout.pp * layout.vp) / model.layers);
  return { parameters: share, scores: share };
};

/** The dtype whose peak an MFU refers to: 16 bits, unless the source says that fp8 runs count against the fp8 peak. */
export const peakDtypeOf = ({ flops_convention: text, precision }: Row): readonly MatrixDtype[] =>
  /fp8 peak/.test(text ?? '') && /fp8/.test(precision ?? '') ? ['fp8'] : ['bf16', 'fp16'];
