/** Which number format holds what under each training precision. */
import type { Dtype } from '../kernels/dtype.ts';
import { DTYPE_BYTES } from '../kernels/dtype.ts';
import type { MatrixDtype } from '../scenario/cluster.ts';
import type { Precision } from '../scenario/job.ts';

export interface Formats {
  /** Activations and their gradients. */
  readonly activation: Dtype;
  readonly weight: Dtype;
  /** Operands of the layers' matrix multiplications. */
  readonly matrix: Dtype;
  /** The accelerator's peak that those run at. */
  readonly peak: MatrixDtype;
  /** Accumulated weight gradients, as they are reduced. */
  readonly gradient: Dtype;
  /** Bytes a parameter beside the weight that the optimizer keeps: master weights, moments, a second gradient. */
  readonly optimizerBytes: number;
  readonly hasMaster: boolean;
  /** Bytes a parameter of quantised copies of the weight beside the weight itself. */
  readonly copyBytes: number;
}

/**
 * Megatron-LM's distributed-optimizer document: fp16 weights and gradients take 2 + 2 bytes a parameter and 16 of
 * optimizer (an fp32 master weight, an fp32 gradient, two moments); bf16 takes 2 + 4 (fp32 gradients) and 12; fp32
 * 4 + 4 and 8. The fp8 family keeps bf16 weights and adds the quantised weight and its transpose.
 */
const bf16: Formats = {
  activation: 'bf16',
  weight: 'bf16',
  matrix: 'bf16',
  peak: 'bf16',
  gradient: 'fp32',
  optimizerBytes: 3 * DTYPE_BYTES.fp32,
  hasMaster: true,
  copyBytes: 0,
};
const fp8: Formats = { ...bf16, matrix: 'fp8', peak: 'fp8', copyBytes: 2 * DTYPE_BYTES.fp8 };

export const FORMATS: Readonly<Record<Precision, Formats>> = {
  fp32: {
    activation: 'fp32',
    weight: 'fp32',
    matrix: 'fp32',
    peak: 'fp32',
    gradient: 'fp32',
    optimizerBytes: 2 * DTYPE_BYTES.fp32,
    hasMaster: false,
    copyBytes: 0,
  },
  bf16,
  fp16: {
    activation: 'fp16',
    weight: 'fp16',
    matrix: 'fp16',
    peak: 'fp16',
    gradient: 'fp16',
    optimizerBytes: 4 * DTYPE_BYTES.fp32,
    hasMaster: true,
    copyBytes: 0,
  },
  'fp8-delayed': fp8,
  'fp8-current': fp8,
  'fp8-block': fp8,
  mxfp8: fp8,
  nvfp4: { ...bf16, matrix: 'fp4', peak: 'fp4', copyBytes: 2 * DTYPE_BYTES.fp4 },
};

/** fp16 loses gradients below 6e-8: they are made this many times larger, and smaller again before the step (Micikevicius et al. 2018). */
const FP16_LOSS_SCALE = 1024;
/** By which the loss is multiplied before its gradients are made. */
export const lossScale = (precision: Precision): number => (precision === 'fp16' ? FP16_LOSS_SCALE : 1);
