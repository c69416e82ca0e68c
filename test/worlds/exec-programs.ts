/** Programs of a few lines that run in both worlds, on threads too: what they do is plain data. */
import { allocate, compute, now, receive, release, send, sleep } from '../../src/effects/ask.ts';
import type { Program } from '../../src/effects/effect.ts';
import { member, positionIn } from '../../src/effects/group.ts';
import { fork, join } from '../../src/effects/program.ts';
import type { Tensor } from '../../src/effects/tensor.ts';
import { elementsOf, sizeOf } from '../../src/effects/tensor.ts';
import type { Arena } from '../../src/exec/arena.ts';
import { operandOf } from '../../src/exec/operand.ts';
import { accumulate } from '../../src/kernels/op/element-wise.ts';
import type { Rank } from '../../src/units/identity.ts';
import { bytes, seconds } from '../../src/units/quantity.ts';
import type { Service } from '../../examples/parameter-server.ts';
import { filled, serveParameters, workTowards } from '../../examples/parameter-server.ts';
import type { CollectiveCase } from './collective-case.ts';
import { positions, shardOf } from './collective-case.ts';
import { combine } from './collective-methods.ts';

/** A message of a plan: what it holds is told by its number, and what becomes of its tensor once it is sent. */
export interface Planned {
  readonly from: number;
  readonly to: number;
  readonly tag: number;
  readonly elements: number;
  readonly fate: 'kept' | 'released' | 'overwritten';
}
/** What the ranks of a test are to do. */
export type Job =
  | { readonly kind: 'collectives'; readonly cases: readonly CollectiveCase[] }
  /** Every message is sent in the order of the plan, and those of each channel received in theirs. */
  | { readonly kind: 'exchange'; readonly plan: readonly Planned[]; readonly isReversed: boolean }
  | { readonly kind: 'ping-pong'; readonly rounds: number; readonly burst: number; readonly elements: number }
  /** Each worker wants the weights to be near a number of its own. */
  | { readonly kind: 'parameters'; readonly service: Service; readonly targets: readonly number[] }
  /** A strand of rank 0 sleeps while another one waits for a message that comes in between. */
  | { readonly kind: 'nap'; readonly milliseconds: number; readonly messageAfter: number }
  | { readonly kind: 'mutual wait' }
  | { readonly kind: 'failure'; readonly rank: number }
  | { readonly kind: 'endless'; readonly rank: number };

/** A rank and its memory; null where nothing is computed. */
export interface Stand {
  readonly self: Rank;
  readonly arena: Arena | null;
}

export const programOf = (job: Job, stand: Stand): Program<unknown> => {
  switch (job.kind) {
    case 'collectives':
      return collectives(job.cases, stand);
    case 'exchange':
      return exchange(job, stand);
    case 'ping-pong':
      return pingPong(job, stand);
    case 'parameters':
      return parameters(job, stand);
    case 'nap':
      return nap(job, stand);
    case 'mutual wait':
      return mutualWait(stand);
    case 'failure':
      return failure(job.rank, stand);
    case 'endless':
      return endless(job.rank, stand);
    default:
      return job satisfies never;
  }
};

/** The elements of an fp32 tensor; writing to them writes to the tensor. Null where nothing is computed. */
const valuesOf = ({ arena }: Stand, tensor: Tensor): Float32Array | null => {
  if (arena === null) return null;
  const { buffer, byteOffset } = arena.view(operandOf(tensor).at, sizeOf(tensor));
  return new Float32Array(buffer, byteOffset, elementsOf(tensor));
};
function* tensorOf(stand: Stand, elements: number, valueAt: (element: number) => number): Program<Tensor> {
  const block = yield* allocate(bytes(4 * elements), 'workspace');
  const tensor: Tensor = { shape: [elements], dtype: 'fp32', block, offset: 0 };
  valuesOf(stand, tensor)?.set(positions(elements).map(valueAt));
  return tensor;
}

/** Small, whole and different everywhere, so that sums are exact and a misplaced element shows. */
export const valueAt = (position: number, element: number): number => 1 + ((position * 31 + element * 7) % 101);

/** Runs one collective after the other; the answer is what each left in the tensor that it fills. */
function* collectives(cases: readonly CollectiveCase[], stand: Stand): Program<readonly (readonly number[])[]> {
  const results: number[][] = [];
  for (const asked of cases) {
    const { operation, algorithm, elements, ranks } = asked;
    const position = positionIn(ranks, stand.self);
    if (!(Number.isInteger(position) && position >= 0 && position < ranks.size)) continue;
    const isFilled = operation === 'all-gather' || operation === 'all-reduce';
    const brings = (element: number): number => valueAt(position, element);
    const whole = yield* tensorOf(stand, elements, operation === 'all-gather' ? () => Number.NaN : brings);
    const elsewhere = yield* tensorOf(stand, elements, () => Number.NaN);
    const shard = shardOf(asked, { position, whole, elsewhere });
    if (operation === 'all-gather') valuesOf(stand, shard)?.set(positions(elementsOf(shard)).map(brings));
    yield* combine(algorithm, { operation, group: ranks, whole, shard }, stand.self);
    results.push([...(valuesOf(stand, isFilled ? whole : shard) ?? [])]);
    yield* release(whole.block);
    yield* release(elsewhere.block);
  }
  return results;
}

/** Sends its part of the plan in one strand while it receives each channel in a strand of its own. */
function* exchange(
  { plan, isReversed }: Extract<Job, { kind: 'exchange' }>,
  stand: Stand,
): Program<readonly (readonly [number: number, value: number])[]> {
  const numbered = plan.map((planned, number) => ({ ...planned, number }));
  const sends = yield* fork(
    sendAll(
      numbered.filter(({ from }) => from === stand.self),
      stand,
    ),
    'send',
  );
  const mine = numbered.filter(({ to }) => to === stand.self);
  const channels = [...new Set(mine.map(({ from, tag }) => `${from} ${tag}`))];
  const found: (readonly [number, number])[] = [];
  for (const channel of isReversed ? channels.toReversed() : channels)
    for (const { from, tag, elements, number } of mine.filter((each) => `${each.from} ${each.tag}` === channel)) {
      const into = yield* tensorOf(stand, elements, () => Number.NaN);
      yield* receive(member(WORLD, from), { axis: 'pp', tag, into });
      for (const value of valuesOf(stand, into) ?? []) found.push([number, value]);
      yield* release(into.block);
    }
  yield* join(sends);
  return found;
}
const WORLD = { axis: 'pp', first: 0 as Rank, stride: 1, size: Infinity } as const;

/** What message `number` of a plan holds in its element. */
export const contentAt = (number: number, element: number): number => number * 64 + (element % 64);

function* sendAll(messages: readonly (Planned & { number: number })[], stand: Stand): Program<void> {
  const longest = Math.max(0, ...messages.map(({ elements }) => elements));
  const zeros = yield* tensorOf(stand, longest, () => 0);
  const kept: Tensor[] = [];
  for (const { to, tag, elements, number, fate } of messages) {
    const tensor = yield* tensorOf(stand, elements, (element) => contentAt(number, element));
    yield* send(member(WORLD, to), { axis: 'pp', tag, tensor });
    if (fate === 'overwritten')
      yield* compute(accumulate(elements, 'fp32'), [{ ...zeros, shape: [elements] }], [tensor]);
    if (fate === 'released') yield* release(tensor.block);
    else kept.push(tensor);
  }
  for (const { block } of [zeros, ...kept]) yield* release(block);
}

/** In every round ranks 0 and 1 send each other as many balls; the answer is what is held of each one's memory in the end. */
function* pingPong({ rounds, burst, elements }: Extract<Job, { kind: 'ping-pong' }>, stand: Stand): Program<number> {
  const isFirst = stand.self === 0;
  const peer = member(WORLD, isFirst ? 1 : 0);
  for (let round = 0; round < rounds; round++) {
    const tag = round % 3;
    for (const index of positions(burst)) {
      const ball = yield* tensorOf(stand, elements, () => round * burst + index);
      yield* send(peer, { axis: 'pp', tag, tensor: ball });
      yield* release(ball.block);
    }
    for (const index of positions(burst)) {
      const ball = yield* tensorOf(stand, elements, () => Number.NaN);
      yield* receive(peer, { axis: 'pp', tag, into: ball });
      const found = valuesOf(stand, ball)?.at(-1);
      if (found !== undefined && found !== round * burst + index) throw new Error(`ball ${index} holds ${found}`);
      yield* release(ball.block);
    }
  }
  // The other one's empty letter says that it has read all the balls; then none has to be kept for it.
  const end = yield* tensorOf(stand, 0, () => 0);
  yield* send(peer, { axis: 'pp', tag: 3, tensor: end });
  yield* receive(peer, { axis: 'pp', tag: 3, into: end });
  yield* release(end.block);
  // A rank looks for what has been read whenever it allocates.
  yield* release(yield* allocate(bytes(0), 'workspace'));
  return stand.arena?.held ?? 0;
}

/** The server's answer is what the weights have become. */
function* parameters(
  { service, targets }: Extract<Job, { kind: 'parameters' }>,
  stand: Stand,
): Program<readonly number[] | null> {
  if (stand.self === service.server) {
    const weights = yield* serveParameters(service);
    const values = valuesOf(stand, weights);
    return values === null ? null : [...values];
  }
  const target = yield* filled(targets[service.workers.indexOf(stand.self)]!, service.elements);
  yield* workTowards(target, service);
  yield* release(target.block);
  return null;
}

/** When rank 0 had its message, in milliseconds from when it began to wait. */
function* nap({ milliseconds, messageAfter }: Extract<Job, { kind: 'nap' }>, stand: Stand): Program<number | null> {
  const message = yield* tensorOf(stand, 1, () => 1);
  if (stand.self === 1) {
    yield* sleep(seconds(messageAfter / 1000));
    yield* send(member(WORLD, 0), { axis: 'pp', tag: 1, tensor: message });
    return null;
  }
  const start = yield* now();
  const asleep = yield* fork(sleep(seconds(milliseconds / 1000)));
  yield* receive(member(WORLD, 1), { axis: 'pp', tag: 1, into: message });
  const heard = yield* now();
  yield* join(asleep);
  return (heard - start) / 1e6;
}

function* mutualWait({ self }: Stand): Program<void> {
  const into = yield* tensorOf({ self, arena: null }, 1, () => 0);
  yield* receive(member(WORLD, 1 - self), { axis: 'pp', tag: 40 + self, into });
}

/** One rank throws while the others wait for it. */
function* failure(rank: number, stand: Stand): Program<void> {
  const tensor = yield* tensorOf(stand, 1, () => 0);
  if (stand.self === rank) throw new RangeError('a failure on purpose');
  yield* receive(member(WORLD, rank), { axis: 'pp', tag: 9, into: tensor });
}

/** One rank never returns, nor asks for anything, while the others wait for it. */
function* endless(rank: number, stand: Stand): Program<void> {
  const tensor = yield* tensorOf(stand, 1, () => 0);
  while (stand.self === rank);
  yield* receive(member(WORLD, rank), { axis: 'pp', tag: 9, into: tensor });
}
