/** The one loop that runs programs, simulated or real, and what a world must be to answer their effects. */
import type { Rank } from '../units/identity.ts';
import type { AnswerTo, Effect, EffectOf, Fork, Join, Kind, Program, Task } from './effect.ts';

/** Yields one effect and returns its answer. The only place where an answer gets its type. */
export function* ask<E extends Effect>(effect: E): Program<AnswerTo<E>> {
  return (yield effect) as AnswerTo<E>;
}
export function* fork<Result>(program: Program<Result>, name: string | null = null): Program<Task<Result>> {
  return (yield { kind: 'fork', program, name }) as Task<Result>;
}
export function* join<Result>(task: Task<Result>): Program<Result> {
  return (yield { kind: 'join', task }) as Result;
}

/** `program`, once all the tasks are done. */
export function* after<Result>(
  tasks: readonly (Task<void> | null | undefined)[],
  program: Program<Result>,
): Program<Result> {
  for (const task of tasks) if (task !== null && task !== undefined) yield* join(task);
  return yield* program;
}

/** A handler's reply when the answer comes later, through `strand.resume`. */
export const blocked: unique symbol = Symbol('blocked');
/** A handler's reply that lets a program find the answer, in the strand that asked. */
export class Descend {
  readonly program: Program<unknown>;
  constructor(program: Program<unknown>) {
    this.program = program;
  }
}

/** One entry for every kind of effect: leave one out, in `sim/` or in `exec/`, and the project does not compile. */
export type Handlers<State> = {
  readonly [K in Kind]: (
    strand: Strand<State>,
    effect: EffectOf<K>,
  ) => AnswerTo<EffectOf<K>> | typeof blocked | Descend;
};

/** What answers effects, and what a strand of a program carries there: a clock, a lane, a worker. */
export interface World<State> {
  readonly handlers: Handlers<State>;
  /** The state of a strand that `parent` starts now under that name. */
  fork(parent: Strand<State>, name: string | null): State;
  /** `strand` has waited for `child`, which is done. */
  join(strand: Strand<State>, child: Strand<State>): void;
  /** `strand` has returned. */
  end(strand: Strand<State>): void;
}

/** One thread of control of a rank: a stack of programs, the innermost running. */
export class Strand<State> implements Task<unknown> {
  readonly rank: Rank;
  readonly state: State;
  outcome: { readonly result: unknown } | null = null;
  readonly #world: World<State>;
  readonly #stack: Program<unknown>[];
  readonly #joiners: Strand<State>[] = [];

  constructor(world: World<State>, rank: Rank, state: State, program: Program<unknown>) {
    this.#world = world;
    this.rank = rank;
    this.state = state;
    this.#stack = [program];
  }

  /** Goes on with `answer` until the program blocks or returns. */
  resume(answer: unknown): void {
    let value = answer;
    for (let top = this.#stack.at(-1); top !== undefined; top = this.#stack.at(-1)) {
      const next = top.next(value);
      if (next.done === true) {
        this.#stack.pop();
        value = next.value;
        continue;
      }
      const reply = this.#reply(next.value);
      if (reply === blocked) return;
      if (reply instanceof Descend) {
        this.#stack.push(reply.program);
        value = undefined;
      } else value = reply;
    }
    this.#end(value);
  }

  #reply(asked: Effect | Fork | Join): unknown {
    if (asked.kind === 'fork') {
      const child = new Strand(this.#world, this.rank, this.#world.fork(this, asked.name), asked.program);
      child.resume(undefined);
      return child;
    }
    if (asked.kind === 'join') return this.#join(asked.task as Strand<State>);
    return handle(this, asked, this.#world.handlers);
  }

  #join(child: Strand<State>): unknown {
    if (child.outcome === null) {
      child.#joiners.push(this);
      return blocked;
    }
    this.#world.join(this, child);
    return child.outcome.result;
  }

  #end(result: unknown): void {
    this.outcome = { result };
    this.#world.end(this);
    for (const joiner of this.#joiners) {
      this.#world.join(joiner, this);
      joiner.resume(result);
    }
  }
}

const handle = <State, K extends Kind>(
  strand: Strand<State>,
  effect: Effect & { kind: K },
  handlers: Handlers<State>,
): unknown => (handlers[effect.kind] as (strand: Strand<State>, effect: Effect) => unknown)(strand, effect);
