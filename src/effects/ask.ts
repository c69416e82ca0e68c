/** The verbs of an actor program. Each is a one-effect program, so call it with `yield*`. */
import type { Dtype } from '../kernels/dtype.ts';
import { DTYPE_BYTES } from '../kernels/dtype.ts';
import type { Op } from '../kernels/op.ts';
import type { Rank } from '../units/identity.ts';
import type { Bytes, Instant, Seconds } from '../units/quantity.ts';
import { bytes } from '../units/quantity.ts';
import type {
  Allocate,
  Collective,
  Compute,
  Copy,
  Draw,
  Load,
  Mark,
  Move,
  Now,
  Observe,
  Program,
  Receive,
  ReceiveAny,
  Release,
  Route,
  Section,
  Send,
  Sleep,
  Store,
} from './effect.ts';
import { ask } from './program.ts';
import type { Block, Tensor } from './tensor.ts';
import type { Purpose } from '../memory/purpose.ts';
import type { Tier } from '../memory/tier.ts';

export const compute = (op: Op, inputs: readonly Tensor[], outputs: readonly Tensor[]): Program<void> =>
  ask<Compute>({ kind: 'compute', op, inputs, outputs });
export const send = (to: Rank, message: Omit<Send, 'kind' | 'to' | 'answer'>): Program<void> =>
  ask<Send>({ kind: 'send', to, ...message });
export const receive = (from: Rank, message: Omit<Receive, 'kind' | 'from' | 'answer'>): Program<void> =>
  ask<Receive>({ kind: 'receive', from, ...message });
export const receiveAny = (
  from: readonly Rank[],
  message: Omit<ReceiveAny, 'kind' | 'from' | 'answer'>,
): Program<Rank> => ask<ReceiveAny>({ kind: 'receiveAny', from, ...message });
export const allocate = (size: Bytes, purpose: Purpose, tier: Tier = 'hbm'): Program<Block> =>
  ask<Allocate>({ kind: 'allocate', size, purpose, tier });
export const release = (block: Block): Program<void> => ask<Release>({ kind: 'release', block });
export const load = (into: Tensor, source: Load['source']): Program<void> => ask<Load>({ kind: 'load', into, source });
export const store = (size: Bytes, what: Store['what']): Program<void> => ask<Store>({ kind: 'store', size, what });
export const observe = (observed: Omit<Observe, 'kind' | 'answer'>): Program<'go on' | 'stop'> =>
  ask<Observe>({ kind: 'observe', ...observed });
export const route = (tensor: Tensor, expected: readonly number[]): Program<readonly number[]> =>
  ask<Route>({ kind: 'route', tensor, expected });
export const move = (block: Block, to: Move['to']): Program<void> => ask<Move>({ kind: 'move', block, to });
export const copy = (size: Bytes, to: Tier): Program<void> => ask<Copy>({ kind: 'copy', size, to });
export const draw = (stream: string): Program<number> => ask<Draw>({ kind: 'draw', stream });
export const sleep = (delay: Seconds): Program<void> => ask<Sleep>({ kind: 'sleep', delay });
export const now = (): Program<Instant> => ask<Now>({ kind: 'now' });
export const mark = (subject: Mark['subject'], event: string): Program<void> =>
  ask<Mark>({ kind: 'mark', subject, event });
export const collective = (asked: Omit<Collective, 'kind' | 'answer'>): Program<void> =>
  ask<Collective>({ kind: 'collective', ...asked });

/** Runs `program` as a section that a world may replay: see `Section` for what it must not depend on. */
export function* section<Result>(
  key: string,
  program: () => Program<Result>,
  { term = null, moment = null }: Partial<Pick<Section, 'term' | 'moment'>> = {},
): Program<Result> {
  return (yield { kind: 'section', key, term, moment, program }) as Result;
}

/** Allocates a new tensor. */
export function* tensor(shape: readonly number[], dtype: Dtype, purpose: Purpose): Program<Tensor> {
  const elements = shape.reduce((product, length) => product * length, 1);
  const block = yield* allocate(bytes(elements * DTYPE_BYTES[dtype]), purpose);
  return { shape, dtype, block, offset: 0 };
}
