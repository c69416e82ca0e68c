/** How a source counts the FLOPs behind its TFLOP/s or MFU: sources differ by a third on recomputation and by 2x on attention. */
import type { MatrixDtype } from '../scenario/cluster.ts';
import type { Job } from '../scenario/job.ts';
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
 * FLOPs of one step: tokens x [L (2 P + 4 a s n d) r + 2 h V w], with L layers, P matrix parameters of a layer,
 * a the share of token pairs counted, s the sequence, n heads of d elements, h hidden, V vocabulary; w is 3 passes
 * (forward, and backward twice), and r is w plus the forward pass that is run again if recomputation counts.
 */
export const stepFlops = (job: Job, { attention, recompute, weightGradients }: Convention): number => {
  const { model, workload } = job;
  const { layers, hidden, heads, kvHeads, headDim, ffn, gated, vocabulary } = model;
  const parameters = hidden * headDim * 2 * (heads + kvHeads) + hidden * ffn * (gated ? 3 : 2);
  const scores = { full: 1, causal: 0.5, none: 0 }[attention] * 4 * workload.sequence * heads * headDim;
  const passes = weightGradients ? 3 : 2;
  const again = recompute ? recomputedShare(job) : { parameters: 0, scores: 0 };
  const layer = 2 * parameters * (passes + again.parameters) + scores * (3 + again.scores);
  return workload.globalBatch * workload.sequence * (layers * layer + 2 * hidden * vocabulary * passes);
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
