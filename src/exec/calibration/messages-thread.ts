/** The thread of a rank that passes messages for the clock: its answer is how long each round of each task took. */
import { collective, now, receive, send, tensor } from '../../effects/ask.ts';
import type { Program } from '../../effects/effect.ts';
import type { Tensor } from '../../effects/tensor.ts';
import type { Rank } from '../../units/identity.ts';
import { rank as rankOf } from '../../units/identity.ts';
import { playRank } from '../rank-thread.ts';
import type { Services } from '../services.ts';
import { backendOf } from '../training/backend-of.ts';

export const TASKS = ['all-reduce', 'message'] as const;
export interface MessageTask {
  /** `message`: rank 0 sends to rank 1, which answers with as much. */
  readonly kind: (typeof TASKS)[number];
  /** Of fp32. */
  readonly elements: number;
  readonly rounds: number;
}
/** Done from the first to the last, and all of that as often as it says. */
export interface MessageOrder {
  readonly tasks: readonly MessageTask[];
  readonly sweeps: number;
}

interface Seat {
  readonly self: Rank;
  readonly rankCount: number;
}

const AXIS = 'dp';
/** Rounds that nobody times come first: compilers warm up, and memory is touched. */
const WARM = 3;

const pingPong = (self: Rank, ball: Tensor): Program<void> => {
  const message = { axis: AXIS, tag: 1 } as const;
  const other = rankOf(1 - self);
  const there = (): Program<void> => send(other, { ...message, tensor: ball });
  const back = (): Program<void> => receive(other, { ...message, into: ball });
  return (function* () {
    for (const turn of self === 0 ? [there, back] : [back, there]) yield* turn();
  })();
};

function* roundsOf(task: MessageTask, { self, rankCount }: Seat): Program<number[]> {
  const whole = yield* tensor([task.elements], 'fp32', 'gradients');
  const group = { axis: AXIS, first: rankOf(0), stride: 1, size: rankCount } as const;
  const round = (): Program<void> =>
    task.kind === 'message'
      ? pingPong(self, whole)
      : collective({ operation: 'all-reduce', algorithm: { kind: 'ring' }, group, whole, shard: whole });
  for (let warm = 0; warm < WARM; warm++) yield* round();
  const times: number[] = [];
  let before = yield* now();
  for (let count = 0; count < task.rounds; count++) {
    yield* round();
    const after = yield* now();
    times.push((after - before) / 1e9);
    before = after;
  }
  return times;
}

/** Seconds of each round, by the task's place. */
function* swept({ tasks, sweeps }: MessageOrder, seat: Seat): Program<number[][]> {
  const times: number[][] = tasks.map(() => []);
  for (let sweep = 0; sweep < sweeps; sweep++)
    for (const [index, task] of tasks.entries()) times[index]!.push(...(yield* roundsOf(task, seat)));
  return times;
}

const refuse = (): never => {
  throw new Error('ranks that only pass messages have nothing to load, to store or to show');
};

await playRank<MessageOrder>(({ rank: self, rankCount, job, arena, now: clock }) => {
  const services: Services = {
    load: refuse,
    store: refuse,
    observe: refuse,
    route: refuse,
    draw: refuse,
    now: clock,
  };
  return { program: swept(job, { self, rankCount }), backend: backendOf('wasm', arena), services };
});
