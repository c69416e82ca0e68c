/** Every operation that a program can ask for, and what each costs. */
import type { Adam, ClipFactor, Descent, Fill, SquaredNorm } from './op/adam.ts';
import { adamCost, clipFactorCost, descentCost, fillCost, squaredNormCost } from './op/adam.ts';
import type { AttentionMerge, FlashAttention } from './op/attention.ts';
import { attentionMergeCost, flashAttentionCost } from './op/attention.ts';
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
import type { GroupedMatmul } from './op/grouped-matmul.ts';
import { groupedMatmulCost } from './op/grouped-matmul.ts';
import type { Matmul } from './op/matmul.ts';
import { matmulCost } from './op/matmul.ts';
import type { ChoiceCounts, Copy, ExpertPlaces, Permute, TopK } from './op/routing.ts';
import { choiceCountsCost, copyCost, expertPlacesCost, permuteCost, topKCost } from './op/routing.ts';
import type { CrossEntropy, Embedding, TokenLoss } from './op/token.ts';
import { crossEntropyCost, embeddingCost, tokenLossCost } from './op/token.ts';

export type Op =
  | Matmul
  | GroupedMatmul
  | FlashAttention
  | AttentionMerge
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
  | TopK
  | ChoiceCounts
  | ExpertPlaces
  | Permute
  | Copy
  | Embedding
  | CrossEntropy
  | TokenLoss
  | Adam
  | Descent
  | SquaredNorm
  | ClipFactor
  | Fill;
export type OpKind = Op['kind'];
export type OpOf<K extends OpKind> = Extract<Op, { readonly kind: K }>;

/** Leave an operation out and it does not compile. */
const COSTS: { readonly [K in OpKind]: (op: OpOf<K>) => OpCost } = {
  matmul: matmulCost,
  'grouped-matmul': groupedMatmulCost,
  'flash-attention': flashAttentionCost,
  'attention-merge': attentionMergeCost,
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
  'top-k': topKCost,
  'choice-counts': choiceCountsCost,
  'expert-places': expertPlacesCost,
  permute: permuteCost,
  copy: copyCost,
  embedding: embeddingCost,
  'cross-entropy': crossEntropyCost,
  'token-loss': tokenLossCost,
  adam: adamCost,
  descent: descentCost,
  'squared-norm': squaredNormCost,
  'clip-factor': clipFactorCost,
  fill: fillCost,
};
export const costOf = (op: Op): OpCost => {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the table pairs each kind with its own function
  const cost = COSTS[op.kind] as (op: Op) => OpCost;
  return cost(op);
};

export const CLASSES: Readonly<Record<OpKind, OpClass>> = {
  matmul: 'matrix',
  'grouped-matmul': 'matrix',
  'flash-attention': 'attention',
  'attention-merge': 'attention',
  norm: 'vector',
  activation: 'vector',
  residual: 'vector',
  add: 'vector',
  accumulate: 'vector',
  rope: 'vector',
  softmax: 'attention',
  dropout: 'vector',
  'bias-gradient': 'vector',
  cast: 'vector',
  'top-k': 'vector',
  'choice-counts': 'vector',
  'expert-places': 'vector',
  permute: 'vector',
  copy: 'vector',
  embedding: 'vector',
  'cross-entropy': 'vector',
  'token-loss': 'vector',
  adam: 'optimizer',
  descent: 'optimizer',
  'squared-norm': 'optimizer',
  'clip-factor': 'optimizer',
  fill: 'optimizer',
};
/** True of what the host's processors do, beside whatever the card does. */
export const isOnHost = (op: Op): boolean => op.kind === 'adam' && op.on === 'host';

/** The row of the time table that an operation belongs to; products a head belong to attention. */
export const classOf = (op: Op): OpClass => (op.kind === 'matmul' && op.isAttention ? 'attention' : CLASSES[op.kind]);
