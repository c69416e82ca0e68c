/** Every operation that a program can ask for, and what each costs. */
import type { Adam, SquaredNorm } from './op/adam.ts';
import { adamCost, squaredNormCost } from './op/adam.ts';
import type { FlashAttention } from './op/attention.ts';
import { flashAttentionCost } from './op/attention.ts';
import type { OpClass, OpCost } from './op/cost.ts';
import type {
  Accumulate,
  Activation,
  Add,
  BiasGradient,
  Cast,
  Dropout,
  Norm,
  Residual,
  Rope,
  Softmax,
} from './op/element-wise.ts';
import {
  accumulateCost,
  activationCost,
  addCost,
  biasGradientCost,
  castCost,
  dropoutCost,
  normCost,
  residualCost,
  ropeCost,
  softmaxCost,
} from './op/element-wise.ts';
import type { Matmul } from './op/matmul.ts';
import { matmulCost } from './op/matmul.ts';
import type { CrossEntropy, Embedding } from './op/token.ts';
import { crossEntropyCost, embeddingCost } from './op/token.ts';

export type Op =
  | Matmul
  | FlashAttention
  | Norm
  | Activation
  | Residual
  | Add
  | Accumulate
  | Rope
  | Softmax
  | Dropout
  | BiasGradient
  | Cast
  | Embedding
  | CrossEntropy
  | Adam
  | SquaredNorm;
export type OpKind = Op['kind'];
type OpOf<K extends OpKind> = Extract<Op, { readonly kind: K }>;

/** Leave an operation out and it does not compile. */
const COSTS: { readonly [K in OpKind]: (op: OpOf<K>) => OpCost } = {
  matmul: matmulCost,
  'flash-attention': flashAttentionCost,
  norm: normCost,
  activation: activationCost,
  residual: residualCost,
  add: addCost,
  accumulate: accumulateCost,
  rope: ropeCost,
  softmax: softmaxCost,
  dropout: dropoutCost,
  'bias-gradient': biasGradientCost,
  cast: castCost,
  embedding: embeddingCost,
  'cross-entropy': crossEntropyCost,
  adam: adamCost,
  'squared-norm': squaredNormCost,
};
export const costOf = <K extends OpKind>(op: Op & { kind: K }): OpCost => (COSTS[op.kind] as (op: Op) => OpCost)(op);

/** The row of the time table that an operation belongs to. */
export const classOf = (op: Op): OpClass => {
  switch (op.kind) {
    case 'matmul':
      return op.batch > 1 ? 'attention' : 'matrix';
    case 'flash-attention':
    case 'softmax':
      return 'attention';
    case 'adam':
    case 'squared-norm':
      return 'optimizer';
    default:
      return 'vector';
  }
};
