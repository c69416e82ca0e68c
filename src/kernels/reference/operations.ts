/** Every operation's meaning: float64 arithmetic in the plainest form, which all backends are held to. */
import type { Op, OpKind, OpOf } from '../op.ts';
import { activation } from './activation.ts';
import { adam, clipFactor, descent, squaredNorm } from './adam.ts';
import { attentionMerge, flashAttention } from './attention.ts';
import { accumulate, add, cast, copy, dropout, fill, residual, softmax } from './element-wise.ts';
import { groupedMatmul } from './grouped-matmul.ts';
import { biasGradient, matmul } from './matmul.ts';
import { norm } from './norm.ts';
import type { Reference } from './operand.ts';
import { rope } from './position.ts';
import { choiceCounts, expertPlaces, permute, topK } from './routing.ts';
import { crossEntropy, embedding, tokenLoss } from './token.ts';

/** Leave an operation out and it does not compile. */
const REFERENCES: { readonly [K in OpKind]: Reference<OpOf<K>> } = {
  matmul,
  'grouped-matmul': groupedMatmul,
  'flash-attention': flashAttention,
  'attention-merge': attentionMerge,
  norm,
  activation,
  residual,
  add,
  accumulate,
  rope,
  softmax,
  dropout,
  'bias-gradient': biasGradient,
  cast,
  'top-k': topK,
  'choice-counts': choiceCounts,
  'expert-places': expertPlaces,
  permute,
  copy,
  embedding,
  'cross-entropy': crossEntropy,
  'token-loss': tokenLoss,
  adam,
  descent,
  'squared-norm': squaredNorm,
  'clip-factor': clipFactor,
  fill,
};

/** Outputs come holding what they held before, for what is added to them. */
export const operate: Reference<Op> = (op, inputs, outputs) => {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the table pairs each kind with its own function
  const reference = REFERENCES[op.kind] as Reference<Op>;
  reference(op, inputs, outputs);
};
