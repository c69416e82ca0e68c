/** The core of attention where one rank has whole sequences of its heads: flash attention, or products and a softmax. */
import { compute, release, tensor } from '../effects/ask.ts';
import type { Program } from '../effects/effect.ts';
import type { Tensor } from '../effects/tensor.ts';
import { elementsOf } from '../effects/tensor.ts';
import type { FlashAttention } from '../kernels/op/attention.ts';
import type { Matmul } from '../kernels/op/matmul.ts';
import type { Positions } from '../kernels/op/positions.ts';
import type { CoreBackward, CoreForward, CoreKept, CoreMethod, Heads } from './attention-core.ts';
import { flashOp, sinksRead, sinksWritten } from './attention-core.ts';
import { pairsWithin } from './attention-pairs.ts';
import type { LayerContext } from './context.ts';
import { activation, piecesOf, scratch } from './context.ts';

const isFlash = ({ job }: LayerContext): boolean => job.software.attention === 'flash';

export const localAttention: CoreMethod = {
  forward: (context, asked) => (isFlash(context) ? flashForward(context, asked) : unfusedForward(context, asked)),
  backward: (context, asked) => (isFlash(context) ? flashBackward(context, asked) : unfusedBackward(context, asked)),
};

const flash = (
  context: LayerContext,
  { heads, standing }: CoreForward,
  pass: FlashAttention['pass'],
): FlashAttention => {
  const { sequence } = context.job.workload;
  const at = wholeSequences(context);
  return flashOp(context, heads, {
    pass,
    queries: sequence,
    keys: sequence,
    pairs: pairsWithin(sequence, heads.window),
    standing,
    queriesAt: at,
    keysAt: at,
  });
};

/** The pieces of all context ranks, in the order of the ranks. */
const wholeSequences = ({ job, groups, at: { batch, length } }: LayerContext): Positions => {
  const ranks = Array.from({ length: groups.context.size }, (_, index) => piecesOf(job, index).starts);
  return { batch, starts: ranks.flat(), length };
};

function* flashForward(context: LayerContext, asked: CoreForward): Program<CoreKept> {
  const { layout, workload } = context.job;
  const { heads, inputs, output } = asked;
  const sums = yield* tensor([layout.microbatch * workload.sequence, heads.heads], 'fp32', 'activations');
  yield* compute(flash(context, asked, 'forward'), [...inputs, ...sinksRead(asked)], [output, sums]);
  return { tensors: [sums], exchanged: null };
}

function* flashBackward(context: LayerContext, asked: CoreBackward): Program<void> {
  const { inputs, output, kept, gradient, toQueries, toKeys } = asked;
  const read = [...inputs, ...sinksRead(asked), output, ...kept.tensors, gradient];
  yield* compute(flash(context, asked, 'backward'), read, [toQueries, toKeys, ...sinksWritten(asked)]);
}

/** One s x s or s x d product a head. */
const product = (
  context: LayerContext,
  { heads }: Heads,
  shape: Pick<Matmul, 'm' | 'n' | 'k' | 'transpose'>,
): Matmul => ({
  kind: 'matmul',
  ...shape,
  batch: context.job.layout.microbatch * heads,
  dtype: context.formats.activation,
  output: context.formats.activation,
  accumulates: false,
  bias: false,
  isAttention: true,
});

const scoreShape = ({ job: { layout, workload } }: LayerContext, { heads }: Heads): readonly number[] => [
  layout.microbatch * heads,
  workload.sequence,
  workload.sequence,
];

/** Scores, softmax and, if the model has it, dropout, each in device memory (Korthikanti et al. 2022, section 4.1). */
function* unfusedForward(context: LayerContext, asked: CoreForward): Program<CoreKept> {
  const { heads, inputs, output } = asked;
  const { workload, model } = context.job;
  const { sequence } = workload;
  const dtype = context.formats.activation;
  const shape = scoreShape(context, heads);
  const scores = yield* scratch(context, shape);
  const toScores = product(context, heads, { m: sequence, n: sequence, k: heads.keyDim, transpose: 'nt' });
  yield* compute(toScores, inputs, [scores]);
  const probabilities = yield* activation(context, shape);
  const rows = elementsOf(scores) / sequence;
  const read = [scores, ...sinksRead(asked)];
  yield* compute({ kind: 'softmax', pass: 'forward', rows, columns: sequence, dtype }, read, [probabilities]);
  yield* release(scores.block);
  const toOutput = product(context, heads, { m: sequence, n: heads.valueDim, k: sequence, transpose: 'nn' });
  if (!model.dropout) {
    yield* compute(toOutput, [probabilities, ...inputs], [output]);
    return { tensors: [probabilities], exchanged: null };
  }
  const dropped = yield* activation(context, shape);
  const mask = yield* tensor(shape, 'uint8', 'activations');
  yield* compute({ kind: 'dropout', elements: elementsOf(dropped), dtype }, [probabilities], [dropped, mask]);
  yield* compute(toOutput, [dropped, ...inputs], [output]);
  return { tensors: [probabilities, dropped, mask], exchanged: null };
}

/** The gradients of the values, of the softmax and its scores, and through those of the queries and the keys. */
function* unfusedBackward(context: LayerContext, asked: CoreBackward): Program<void> {
  const { heads, inputs, kept, gradient, toQueries, toKeys } = asked;
  const { workload, model } = context.job;
  const { sequence } = workload;
  const dtype = context.formats.activation;
  const scores: Tensor = yield* scratch(context, scoreShape(context, heads));
  const rows = elementsOf(scores) / sequence;
  const toScores = product(context, heads, { m: sequence, n: sequence, k: heads.valueDim, transpose: 'nt' });
  yield* compute(toScores, [gradient, ...inputs], [scores]);
  const toValues = product(context, heads, { m: sequence, n: heads.valueDim, k: sequence, transpose: 'tn' });
  yield* compute(toValues, [...kept.tensors, gradient], [toKeys]);
  if (model.dropout)
    yield* compute({ kind: 'dropout', elements: elementsOf(scores), dtype }, [scores, ...kept.tensors], [scores]);
  yield* compute(
    { kind: 'softmax', pass: 'backward', rows, columns: sequence, dtype },
    [scores, ...kept.tensors],
    [scores, ...sinksWritten(asked)],
  );
  const toHeads = product(context, heads, { m: sequence, n: heads.keyDim, k: sequence, transpose: 'nn' });
  yield* compute(toHeads, [scores, ...inputs], [toQueries]);
  yield* compute({ ...toHeads, transpose: 'tn' }, [scores, ...inputs], [toKeys]);
  yield* release(scores.block);
}
