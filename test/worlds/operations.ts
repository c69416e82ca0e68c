/** Small random operations of every kind that is computed, with operands that suit them. */
import type fc from 'fast-check';
import type { OpKind } from '../../src/kernels/op.ts';
import { anyAttention, anyMerge } from './attention-operations.ts';
import { anyActivation, anyBiasGradient, anyMatmul, anyNorm } from './dense-operations.ts';
import { anyCast, anyCopy, anyResidual, anyRope, anySum } from './element-wise-operations.ts';
import { anyChoiceCounts, anyExpertPlaces, anyGroupedMatmul, anyPermute, anyTopK } from './expert-operations.ts';
import type { Float, Trial } from './filled.ts';
import { anyAdam, anyClipFactor, anyDescent, anyFill, anySquaredNorm } from './optimizer-operations.ts';
import { anyCrossEntropy, anyEmbedding, anyTokenLoss } from './token-operations.ts';

/** Those that no backend computes: what they do is done otherwise, or cannot be drawn. */
type Uncomputed = 'softmax' | 'dropout';

/** Those whose numbers are fp32 whatever the activations are. */
export const ALWAYS_FP32: readonly string[] = ['token-loss', 'clip-factor', 'top-k', 'choice-counts', 'expert-places'];

/** A kind of operation that is computed has its trials here, or it does not compile. */
export const OPERATIONS: Readonly<Record<Exclude<OpKind, Uncomputed>, (dtype: Float) => fc.Arbitrary<Trial>>> = {
  matmul: anyMatmul,
  'grouped-matmul': anyGroupedMatmul,
  'flash-attention': anyAttention,
  'attention-merge': anyMerge,
  norm: anyNorm,
  activation: anyActivation,
  residual: anyResidual,
  add: (dtype) => anySum('add', dtype),
  accumulate: (dtype) => anySum('accumulate', dtype),
  rope: anyRope,
  'bias-gradient': anyBiasGradient,
  cast: anyCast,
  'top-k': anyTopK,
  'choice-counts': anyChoiceCounts,
  'expert-places': anyExpertPlaces,
  permute: anyPermute,
  copy: anyCopy,
  embedding: anyEmbedding,
  'cross-entropy': anyCrossEntropy,
  'token-loss': anyTokenLoss,
  adam: anyAdam,
  descent: anyDescent,
  'squared-norm': anySquaredNorm,
  'clip-factor': anyClipFactor,
  fill: anyFill,
};
