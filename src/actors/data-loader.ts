/** Brings token ids and labels to the stages that need them, one microbatch ahead of its use. */
import { load, mark, tensor } from '../effects/ask.ts';
import type { Program, Task } from '../effects/effect.ts';
import { fork, join } from '../effects/program.ts';
import type { Tensor } from '../effects/tensor.ts';
import type { Chunk } from '../model/stages.ts';
import type { DeviceContext } from './device-context.ts';

export interface DataLoader {
  readonly context: DeviceContext;
  readonly chunk: number;
  /** Reads on their way, in the order of their use. */
  readonly ahead: Task<Tensor>[];
  /** Microbatches read so far, of all that this rank will need. */
  started: number;
  readonly needed: number;
  /** Reads on their way for all chunks of the rank: its lifecycle moves on with the first and the last of them. */
  readonly underway: { count: number };
}

/** A chunk's own loader. The embedding needs a microbatch's ids and the head its labels: one read for each. */
const dataLoader = (context: DeviceContext, chunk: number, underway: DataLoader['underway']): DataLoader => {
  const { start, end } = context.ranges[chunk]!;
  return { context, chunk, ahead: [], started: 0, needed: (end - start) * readsOf(context.chunks[chunk]!), underway };
};
export const dataLoaders = (context: DeviceContext): readonly DataLoader[] => {
  const underway = { count: 0 };
  return context.chunks.map((_, chunk) => dataLoader(context, chunk, underway));
};
/** Reads of one microbatch. */
export const readsOf = ({ hasEmbedding, hasHead }: Pick<Chunk, 'hasEmbedding' | 'hasHead'>): number =>
  Number(hasEmbedding) + Number(hasHead);

function* read(into: Tensor): Program<Tensor> {
  yield* load(into);
  return into;
}
function* readAhead(loader: DataLoader): Program<void> {
  if (loader.started === loader.needed) return;
  loader.started++;
  if (loader.underway.count++ === 0) yield* mark('loader', 'read');
  const into = yield* tensor([loader.context.layer.tokens], 'int32', 'input');
  loader.ahead.push(yield* fork(read(into), `load ${loader.chunk}`));
}

/** The next ids or labels [T]; the read of those after them is under way. */
export function* nextTokens(loader: DataLoader): Program<Tensor> {
  if (loader.ahead.length === 0) yield* readAhead(loader);
  const tokens = yield* join(loader.ahead.shift()!);
  if (--loader.underway.count === 0) yield* mark('loader', 'deliver');
  yield* readAhead(loader);
  return tokens;
}
