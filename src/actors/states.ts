/** The states of a rank's parameters, as they are loaded before the first step and saved in checkpoints. */
import { load, store } from '../effects/ask.ts';
import type { Program, StoredStates } from '../effects/effect.ts';
import type { State } from '../effects/share.ts';
import type { Tensor } from '../effects/tensor.ts';
import { sizeOf } from '../effects/tensor.ts';
import { bytes } from '../units/quantity.ts';
import type { DeviceContext } from './device-context.ts';
import { heldOnce, isOriginal } from './held-once.ts';
import type { Holding, Stretch } from './holding.ts';

import { shareRunsOf, stretchesOf, stretchIn } from './holding.ts';
import type { OptimizerShard } from './optimizer-shard.ts';
import type { HoldingStates } from './optimizer-states.ts';

/** Fills weights, master weights and moments: with initial values, or those of the checkpoint that the run goes on from. */
export function* loadStates(context: DeviceContext, all: readonly HoldingStates[]): Program<void> {
  for (const { holding, master, first, second } of all) {
    const { values, elements, own } = holding;
    const whole: Stretch = values.shape[0] === elements ? { start: 0, length: elements } : own;
    yield* loadState(context, holding, { state: 'weight', into: stretchIn(values, holding, whole), stretch: whole });
    if (master !== null) yield* loadState(context, holding, { state: 'master', into: master, stretch: own });
    yield* loadState(context, holding, { state: 'first moment', into: first, stretch: own });
    yield* loadState(context, holding, { state: 'second moment', into: second, stretch: own });
  }
}
const loadState = (
  context: DeviceContext,
  holding: Holding,
  { state, into, stretch }: { state: State; into: Tensor; stretch: Stretch },
): Program<void> => load(into, { kind: 'states', state, runs: () => shareRunsOf(context, holding, stretch) });

/** Writes what this rank stands for. Where there are master weights, the weights are their roundings. */
export function* storeStates(
  context: DeviceContext,
  { chunks, states: all }: Pick<OptimizerShard, 'chunks' | 'states'>,
  step: number,
): Program<void> {
  const states = heldOnce(context, chunks, all).flatMap(({ holding, master, first, second }): StoredStates[] => {
    const originals = stretchesOf(context, holding, isOriginal(context, holding));
    const of = (tensor: Tensor, state: State): StoredStates[] =>
      originals.map((stretch) => ({
        state,
        tensor: stretchIn(tensor, holding, stretch),
        runs: () => shareRunsOf(context, holding, stretch),
      }));
    return [...of(master ?? holding.values, 'weight'), ...of(first, 'first moment'), ...of(second, 'second moment')];
  });
  const size = bytes(states.reduce((sum, { tensor }) => sum + sizeOf(tensor), 0));
  yield* store(size, { kind: 'states', step, states });
}
