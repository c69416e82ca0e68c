/** Every operation, and what does it with compiled kernels. */
import type { Op, OpKind, OpOf } from '../op.ts';
import { attentionMergeOperation, flashAttentionOperation } from './attention-operations.ts';
import { biasGradient, accumulate, activation, add, residual } from './vector-operations.ts';
import { cast, copy, fill } from './copy-operations.ts';
import { choiceCounts, expertPlaces, topK } from './choice-operations.ts';
import { groupedMatmul, permute } from './expert-operations.ts';
import { matmul } from './matmul-operation.ts';
import { norm } from './norm-operation.ts';
import type { Operation } from './operation.ts';
import { any, none } from './operation.ts';
import { adam, clipFactor, descent, squaredNorm } from './optimizer-operations.ts';
import { crossEntropy, embedding, rope, tokenLoss } from './token-operations.ts';

const refused = (why: string) => ({
  inputRole: any,
  outputRole: any,
  scratchBytes: none,
  run: (): never => {
    throw new TypeError(why);
  },
});

/** Leave an operation out and it does not compile. */
const OPERATIONS: { readonly [K in OpKind]: Operation<OpOf<K>> } = {
  matmul,
  'grouped-matmul': groupedMatmul,
  'flash-attention': flashAttentionOperation,
  'attention-merge': attentionMergeOperation,
  norm,
  activation,
  residual,
  add,
  accumulate,
  rope,
  softmax: refused('a softmax by itself is never computed: its attention is computed as flash attention'),
  dropout: refused('dropout needs a mask, which nothing draws'),
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

export const operationOf = (op: Op): Operation<Op> =>
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the table pairs each kind with its own operation
  OPERATIONS[op.kind] as unknown as Operation<Op>;
