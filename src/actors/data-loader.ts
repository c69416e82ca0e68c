/** Brings token ids and labels to the stages that need them, one microbatch ahead of its use. */
import { load, mark, tensor } from '../effects/ask.ts';
import type { Program, Task, Tokens } from '../effects/effect.ts';
import { fork, join } from '../effects/program.ts';
import type { Tensor } from '../effects/tensor.ts';
import type { Chunk } from '../model/stages.ts';
import type { DeviceContext } from './device-context.ts';

/** Of which global batch the tokens are. */
export interface Batch {
  readonly split: Tokens['split'];
  /** Counted from the first of its split. */
  readonly index: number;
}
export const FIRST_BATCH: Batch = { split: 'train', index: 0 };

export interface DataLoader {
  readonly context: DeviceContext;
  readonly chunk: number;
  readonly batch: Batch;
  /** Reads on their way, in the order of their use. */
  readonly ahead: Task<Tensor>[];
  /** Microbatches read so far, of all that this rank will need. */
  started: number;
  readonly needed: number;
  /** Reads on their way for all chunks of the rank: its lifecycle moves on with the first and the last of them. */
  readonly underway: { count: number };
}

/** A chunk's own loader. The embedding needs a microbatch's ids and the head its labels: one read for each. */
const dataLoader = (
  context: DeviceContext,
  chunk: number,
  { batch, underway }: Pick<DataLoader, 'batch' | 'underway'>,
): DataLoader => {
  const { start, end } = context.ranges[chunk]!;
  const needed = (end - start) * readsOf(context.chunks[chunk]!);
  return { context, chunk, batch, ahead: [], started: 0, needed, underway };
};
export const dataLoaders = (context: DeviceContext, batch: Batch): readonly DataLoader[] => {
  const underway = { count: 0 };
  return context.chunks.map((_, chunk) => dataLoader(context, chunk, { batch, underway }));
};
/** Reads of one microbatch. */
export const readsOf = ({ hasEmbedding, hasHead }: Pick<Chunk, 'hasEmbedding' | 'hasHead'>): number =>
  Number(hasEmbedding) + Number(hasHead);

/**
 * What the next read is of: a microbatch's ids, then its labels. The microbatches of a batch take turns among the data
 * ranks, so that a batch is the same sequences however many there are.
 */
const nextSource = ({ context, chunk, batch, started }: DataLoader): Tokens => {
  const { job, place, chunks, ranges, layer } = context;
  const { hasEmbedding } = chunks[chunk]!;
  const reads = readsOf(chunks[chunk]!);
  const microbatch = ranges[chunk]!.start + Math.floor(started / reads);
  const index = (microbatch * job.layout.dp + place.dp) * job.layout.microbatch;
  return {
    kind: 'tokens',
    what: hasEmbedding && started % reads === 0 ? 'ids' : 'labels',
    split: batch.split,
    sequence: batch.index * job.workload.globalBatch + index,
    at: layer.at,
  };
};

function* read(into: Tensor, source: Tokens): Program<Tensor> {
  yield* load(into, source);
  return into;
}
function* readAhead(loader: DataLoader): Program<void> {
  if (loader.started === loader.needed) return;
  const source = nextSource(loader);
  loader.started++;
  if (loader.underway.count++ === 0) yield* mark('loader', 'read');
  const into = yield* tensor([loader.context.layer.tokens], 'int32', 'input');
  loader.ahead.push(yield* fork(read(into, source), `load ${loader.chunk}`));
}

/** The next ids or labels [T]; the read of those after them is under way. */
export function* nextTokens(loader: DataLoader): Program<Tensor> {
  if (loader.ahead.length === 0) yield* readAhead(loader);
  const tokens = yield* join(loader.ahead.shift()!);
  if (--loader.underway.count === 0) yield* mark('loader', 'deliver');
  yield* readAhead(loader);
  return tokens;
}
