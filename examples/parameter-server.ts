/** Actors of one's own: a parameter server, and the workers that send it gradients and get new weights. */
import { compute, receive, receiveAny, release, send, tensor } from '../src/effects/ask.ts';
import type { Program } from '../src/effects/effect.ts';
import type { Tensor } from '../src/effects/tensor.ts';
import type { Rank } from '../src/units/identity.ts';

/** What server and workers have agreed on: plain data. */
export interface Service {
  readonly server: Rank;
  readonly workers: readonly Rank[];
  readonly rounds: number;
  /** Elements of the weights, which begin as zeros. */
  readonly elements: number;
  /** Of a step along the mean gradient. */
  readonly learningRate: number;
}

const WEIGHTS_TAG = 1;
const GRADIENT_TAG = 2;

/**
 * Hands out the weights, then takes the gradients in whatever order they come, after Li et al. (OSDI 2014), once a round.
 * It updates the weights while slower workers may not have read them: what was sent is what arrives, in any world.
 */
export function* serveParameters(service: Service): Program<Tensor> {
  const { workers, elements, rounds } = service;
  const weights = yield* filled(0, elements);
  const factor = yield* filled(1, 1);
  const gradient = yield* tensor([elements], 'fp32', 'gradients');
  const step = { ...PLAIN_STEP, elements, learningRate: service.learningRate / workers.length } as const;
  for (let round = 0; round < rounds; round++) {
    for (const worker of workers) yield* send(worker, { axis: 'control', tag: WEIGHTS_TAG, tensor: weights });
    const waiting = new Set(workers);
    while (waiting.size > 0) {
      const from = yield* receiveAny([...waiting], { axis: 'control', tag: GRADIENT_TAG, into: gradient });
      yield* compute(step, [gradient, factor], [weights]);
      waiting.delete(from);
    }
  }
  yield* release(factor.block);
  yield* release(gradient.block);
  return weights;
}

/** Every round, sends the gradient of what this worker wants the weights to be near: half the squared distance to it. */
export function* workTowards(target: Tensor, { server, rounds, elements }: Service): Program<void> {
  const factor = yield* filled(1, 1);
  const step = { ...PLAIN_STEP, elements, learningRate: 1 } as const;
  for (let round = 0; round < rounds; round++) {
    const gradient = yield* tensor([elements], 'fp32', 'gradients');
    yield* receive(server, { axis: 'control', tag: WEIGHTS_TAG, into: gradient });
    // The gradient is weights - target: a step of rate 1 along the target, from the weights.
    yield* compute(step, [target, factor], [gradient]);
    yield* send(server, { axis: 'control', tag: GRADIENT_TAG, tensor: gradient });
    yield* release(gradient.block);
  }
  yield* release(factor.block);
}

/** w -= rate factor g. */
const PLAIN_STEP = { kind: 'descent', gradient: 'fp32', weight: 'fp32', master: false } as const;

/** A tensor with the same value everywhere. */
export function* filled(value: number, elements: number): Program<Tensor> {
  const made = yield* tensor([elements], 'fp32', 'weights');
  yield* compute({ kind: 'fill', value, elements, dtype: 'fp32' }, [], [made]);
  return made;
}
