/**
 * Gradients of weights that every tensor rank has a copy of, but only some rows or heads for: norms and biases under
 * sequence parallelism, the gains of norms that all heads share. They are summed once a step.
 */
import { compute, release, section, tensor } from '../effects/ask.ts';
import type { Program } from '../effects/effect.ts';
import type { Tensor } from '../effects/tensor.ts';
import { elementsOf, segmentStart } from '../effects/tensor.ts';
import { amongTensorRanks } from '../model/context.ts';
import { flatRun, layOut } from '../model/laying-out.ts';
import type { Parameter } from '../model/parameter.ts';
import type { DeviceContext } from './device-context.ts';
import type { Holding } from './holding.ts';
import { parametersIn, stretchesOf, stretchIn } from './holding.ts';
import type { ChunkState } from './model-chunk.ts';

/**
 * The rank's share of them, over all its chunks, travels as one message, which has room for the longest share: every rank
 * takes as long.
 */
export function* sumCopiedGradients(context: DeviceContext, chunks: readonly ChunkState[]): Program<void> {
  if (context.layer.groups.tensor.size === 1) return;
  const names = chunks.map(({ whole }) => whole.forward).join(', ');
  const { zero } = context.job.layout;
  const { shards } = context.states.shared;
  yield* section(`sum copies of ${names}, zero ${zero} of ${shards.size}`, () => summed(context, chunks));
}

function* summed(context: DeviceContext, chunks: readonly ChunkState[]): Program<void> {
  const parts = chunks.flatMap((chunk) => partialGradients(context, chunk));
  const elements = longestShare(context, chunks);
  if (elements === 0) return;
  const dtype = context.layer.formats.gradient;
  const whole = yield* tensor([elements], dtype, 'communication');
  let start = 0;
  const starts = parts.map((part) => {
    start += elementsOf(part);
    return start - elementsOf(part);
  });
  const into = parts.map((part, from) => flatRun(elementsOf(part), { from, toStart: starts[from]! }));
  yield* compute(layOut(dtype, { read: elements, written: elements, runs: into }), parts, [whole]);
  yield* amongTensorRanks(context.layer, 'all-reduce', { whole, shard: whole });
  const back = parts.map((part, to) => flatRun(elementsOf(part), { to, fromStart: starts[to]! }));
  yield* compute(layOut(dtype, { read: elements, written: elements, runs: back }), [whole], parts);
  yield* release(whole.block);
}

/** Of the gradients that the rank updates. An expert's tensor ranks all see all of its rows. */
const partialGradients = (context: DeviceContext, { buckets }: ChunkState): readonly Tensor[] =>
  buckets.flatMap(({ holdings: { shared } }) =>
    shared === null
      ? []
      : stretchesOf(context, shared, (parameter) => isPartial(context, parameter)).map((stretch) =>
          stretchIn(shared.gradients, shared, stretch),
        ),
  );
/** Of the shares that ranks have of them, the most elements. */
const longestShare = (context: DeviceContext, chunks: readonly ChunkState[]): number => {
  const { shards } = context.states.shared;
  const count = context.job.layout.zero === 0 ? 1 : shards.size;
  const shares = new Array<number>(count).fill(0);
  for (const { buckets } of chunks)
    for (const { holdings } of buckets) if (holdings.shared !== null) addShares(context, holdings.shared, shares);
  return Math.max(...shares);
};
/** Adds how many of a holding's partial gradients are in each of its equal segments. */
const addShares = (context: DeviceContext, holding: Holding, shares: number[]): void => {
  const { elements } = holding;
  const count = shares.length;
  for (const { parameter, start } of parametersIn(context, holding)) {
    if (!isPartial(context, parameter)) continue;
    const end = start + parameter.elements;
    for (let at = start, index = Math.ceil(((start + 1) * count) / elements) - 1; at < end; index++) {
      const next = Math.min(end, segmentStart(elements, count, index + 1));
      shares[index]! += next - at;
      at = next;
    }
  }
};
const isPartial = ({ layer }: DeviceContext, { partial }: Parameter): boolean =>
  partial === 'always' || (partial === 'rows' && layer.isSequenceParallel);
