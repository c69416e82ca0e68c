/** Brings token ids and labels to the stages that need them, one microbatch ahead of its use. */
import { load, mark, tensor } from '../effects/ask.ts';
import type { Program, Task } from '../effects/effect.ts';
import { fork, join } from '../effects/program.ts';
import type { Tensor } from '../effects/tensor.ts';
import type { DeviceContext } from './device-context.ts';

export interface DataLoader {
  readonly context: DeviceContext;
  /** Reads on their way, in the order of their use. */
  readonly ahead: Task<Tensor>[];
  /** Microbatches read so far, of all that this rank will need. */
  started: number;
  readonly needed: number;
}

/** The embedding needs a microbatch's ids and the head its labels: one read for each. */
export const dataLoader = (context: DeviceContext): DataLoader => {
  const ends = context.chunks.filter(({ hasEmbedding, hasHead }) => hasEmbedding !== hasHead).length;
  const both = context.chunks.filter(({ hasEmbedding, hasHead }) => hasEmbedding && hasHead).length;
  return { context, ahead: [], started: 0, needed: context.microbatches * (ends + 2 * both) };
};

function* read(into: Tensor): Program<Tensor> {
  yield* load(into);
  return into;
}
function* readAhead(loader: DataLoader): Program<void> {
  if (loader.started === loader.needed) return;
  loader.started++;
  yield* mark('loader', 'read');
  const into = yield* tensor([loader.context.layer.tokens], 'int32', 'input');
  loader.ahead.push(yield* fork(read(into)));
}

/** The next ids or labels [T]; the read of those after them is under way. */
export function* nextTokens(loader: DataLoader): Program<Tensor> {
  if (loader.ahead.length === 0) yield* readAhead(loader);
  const tokens = yield* join(loader.ahead.shift()!);
  yield* mark('loader', 'deliver');
  yield* readAhead(loader);
  return tokens;
}
