/**
 * Attention over context ranks in a ring: each keeps its queries while the keys and values of all go round (Liu et al.
 * 2023, Ring Attention). It works block by block whatever `software.attention` says: no rank ever has whole rows of scores.
 */
import { compute, release, tensor } from '../effects/ask.ts';
import type { Program, Task } from '../effects/effect.ts';
import { fork, join } from '../effects/program.ts';
import type { Tensor } from '../effects/tensor.ts';
import { elementsOf } from '../effects/tensor.ts';
import type { FlashAttention } from '../kernels/op/attention.ts';
import type { CoreBackward, CoreForward, CoreKept, CoreMethod } from './attention-core.ts';
import { flashOp, keysIn, keyWidth, sinksRead, sinksWritten } from './attention-core.ts';
import { pairsInRing } from './attention-pairs.ts';
import type { LayerContext } from './context.ts';
import { among, piecesOf, scratch } from './context.ts';
import { columnsRun, layOut } from './laying-out.ts';
import { addInto } from './residual.ts';

export const ringAttention: CoreMethod = { forward, backward };

/**
 * The rank's queries against the block that came in `step` steps. Its own meets them causally; of any other either the
 * first half of the keys meets all queries, or all keys meet the second half of the queries, which is as much.
 */
const attend = (
  context: LayerContext,
  { heads, inputs, standing }: CoreForward,
  pass: FlashAttention['pass'],
  step: number,
): FlashAttention => {
  const { job, groups, at, contextIndex } = context;
  const { sequence } = job.workload;
  const ranks = groups.context.size;
  const queries = sequence / ranks;
  const pairs = pairsInRing({ step, ranks }, sequence, heads.window);
  const from = (contextIndex - step + ranks) % ranks;
  return flashOp(context, heads, {
    pass,
    queries,
    keys: step === 0 ? queries : queries / 2,
    pairs,
    // The block stands behind the inputs.
    standing: { ...standing, ...keysIn(heads, inputs.length) },
    queriesAt: at,
    keysAt: { ...at, ...piecesOf(job, from) },
  });
};

/** Tensors on their way to the next rank, those of the rank before on theirs to this one. */
interface Passing {
  readonly arriving: readonly Tensor[];
  readonly task: Task<void>;
}
function* passOn(context: LayerContext, tensors: readonly Tensor[]): Program<Passing> {
  const arriving: Tensor[] = [];
  for (const { shape } of tensors) arriving.push(yield* scratch(context, shape));
  const task = yield* fork(shifted(context, tensors, arriving));
  if (!context.job.software.overlap) yield* join(task);
  return { arriving, task };
}
/** One after another: collectives of one kind on one axis must not overtake each other. */
function* shifted(context: LayerContext, from: readonly Tensor[], into: readonly Tensor[]): Program<void> {
  for (const [index, whole] of from.entries())
    yield* among(context, context.groups.context, 'shift', { whole, shard: into[index]! });
}
/** Waits for what arrives; what was passed on is given up. */
function* takeOver({ arriving, task }: Passing, passed: readonly Tensor[]): Program<readonly Tensor[]> {
  yield* join(task);
  for (const { block } of passed) yield* release(block);
  return arriving;
}

/** This rank's keys and values by themselves, to be passed on. */
function* ownBlock(context: LayerContext, { heads, inputs, standing }: CoreForward): Program<Tensor> {
  const block = yield* scratch(context, [context.tokens, keyWidth(heads)]);
  const elements = elementsOf(block);
  const [rows, to] = [context.tokens, keysIn(heads, 0)];
  const runs = [
    columnsRun({ rows, width: heads.kvHeads * heads.keyDim }, { from: standing.key, to: to.key }),
    columnsRun({ rows, width: heads.kvHeads * heads.valueDim }, { from: standing.value, to: to.value }),
  ];
  yield* compute(layOut(context.formats.activation, { read: elements, written: elements, runs }), inputs, [block]);
  return block;
}

function* forward(context: LayerContext, asked: CoreForward): Program<CoreKept> {
  const { inputs, output, heads } = asked;
  const last = context.groups.context.size - 1;
  const sums = yield* tensor([context.tokens, heads.heads], 'fp32', 'activations');
  let block = yield* ownBlock(context, asked);
  for (let step = 0; step <= last; step++) {
    const passing: Passing | null = step < last ? yield* passOn(context, [block]) : null;
    const read: readonly Tensor[] = [...inputs, block, ...sinksRead(asked)];
    const op = attend(context, asked, 'forward', step);
    if (step === 0) yield* compute(op, read, [output, sums]);
    else yield* attendMore(context, { op, read, output, sums });
    if (passing !== null) block = (yield* takeOver(passing, [block]))[0]!;
  }
  yield* release(block.block);
  return { tensors: [sums], exchanged: null };
}

/** The queries against one more block, joined with what they have met before. */
function* attendMore(
  context: LayerContext,
  { op, read, output, sums }: { op: FlashAttention; read: readonly Tensor[]; output: Tensor; sums: Tensor },
): Program<void> {
  const [part, partSums] = [yield* scratch(context, output.shape), yield* tensor(sums.shape, 'fp32', 'workspace')];
  yield* compute(op, read, [part, partSums]);
  const { heads, valueDim, dtype } = op;
  const merge = { kind: 'attention-merge', rows: context.tokens, heads, valueDim, dtype } as const;
  yield* compute(merge, [output, sums, part, partSums], [output, sums]);
  for (const { block } of [part, partSums]) yield* release(block);
}

/** The blocks go round once more, and behind each the gradient of its keys and values, which at last comes home. */
function* backward(context: LayerContext, asked: CoreBackward): Program<void> {
  const { toQueries, toKeys } = asked;
  const last = context.groups.context.size - 1;
  let block = yield* ownBlock(context, asked);
  let gradient: Tensor | null = null;
  for (let step = 0; step <= last; step++) {
    const passed: readonly Tensor[] = [...(step < last ? [block] : []), ...(gradient === null ? [] : [gradient])];
    const passing: Passing = yield* passOn(context, passed);
    const part: Tensor = step === 0 ? toQueries : yield* scratch(context, toQueries.shape);
    const own: Tensor = yield* scratch(context, block.shape);
    yield* attendBackward(context, asked, { step, block, part, own });
    if (step > 0) {
      yield* addInto(context, toQueries, part);
      yield* release(part.block);
    }
    const arrived: readonly Tensor[] = yield* takeOver(passing, passed);
    if (step > 0) {
      const before = arrived.at(-1)!;
      yield* addInto(context, own, before);
      yield* release(before.block);
    }
    if (step < last) block = arrived[0]!;
    gradient = own;
  }
  yield* release(block.block);
  yield* among(context, context.groups.context, 'shift', { whole: gradient!, shard: toKeys });
  yield* release(gradient!.block);
}

function* attendBackward(
  context: LayerContext,
  asked: CoreBackward,
  { step, block, part, own }: { step: number; block: Tensor; part: Tensor; own: Tensor },
): Program<void> {
  const { inputs, output, kept, gradient } = asked;
  const read = [...inputs, block, ...sinksRead(asked), output, ...kept.tensors, gradient];
  yield* compute(attend(context, asked, 'backward', step), read, [part, own, ...sinksWritten(asked)]);
}
