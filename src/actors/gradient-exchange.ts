/** Two ranks hold copies of the same weights: each sends the other its gradient, and adds what it gets. */
import { compute, receive, release, send, tensor } from '../effects/ask.ts';
import type { Program } from '../effects/effect.ts';
import type { Tensor } from '../effects/tensor.ts';
import { elementsOf } from '../effects/tensor.ts';
import type { Rank } from '../units/identity.ts';

/** `tag` is the same at both ends. */
export function* exchangeGradient(peer: Rank, tag: number, own: Tensor): Program<void> {
  const arrived = yield* tensor(own.shape, own.dtype, 'communication');
  yield* send(peer, { axis: 'pp', tag, tensor: own });
  yield* receive(peer, { axis: 'pp', tag, into: arrived });
  yield* addGradient(own, arrived);
  yield* release(arrived.block);
}

/** into += gradient. */
export const addGradient = (into: Tensor, gradient: Tensor): Program<void> =>
  compute({ kind: 'add', elements: elementsOf(into), dtype: into.dtype }, [into, gradient], [into]);
