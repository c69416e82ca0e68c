/** One running statechart: a world sends it the events that programs mark, and acts on the state that it is in. */
import type { AnyActor, AnyStateMachine } from 'xstate';
import { createActor } from 'xstate';
import type { Seconds } from '../../units/quantity.ts';
import { seconds } from '../../units/quantity.ts';
import type { ChartInput, StateOf, Subject } from './charts.ts';
import { CHARTS, eventsOf, refusalOf, TIMEOUT } from './charts.ts';

/** A world's event queue, as far as a lifecycle needs it: its delays pass in the world's time, never in the machine's. */
export interface LifecycleClock {
  /** Calls `act` once, `delay` from now; the answer is what `clearTimeout` takes. */
  setTimeout(act: () => void, delay: Seconds): unknown;
  clearTimeout(timer: unknown): void;
}

/** A step from a state to another, or back into the same, and the event that caused it. */
export interface Transition<S extends Subject> {
  readonly from: StateOf<S>;
  readonly event: string;
  readonly to: StateOf<S>;
}

/** What a lifecycle lives in. */
export interface Surroundings<S extends Subject> extends ChartInput {
  readonly clock: LifecycleClock;
  readonly onTransition: (transition: Transition<S>) => void;
}

export class Lifecycle<S extends Subject> {
  readonly #subject: S;
  readonly #actor: AnyActor;
  readonly #onTransition: Surroundings<S>['onTransition'];

  constructor(subject: S, { clock, restart, onTransition }: Surroundings<S>) {
    this.#subject = subject;
    this.#onTransition = onTransition;
    const chart: AnyStateMachine = CHARTS[subject];
    this.#actor = createActor(chart, {
      input: { restart },
      clock: {
        setTimeout: (act, delay) => clock.setTimeout(() => this.#step(TIMEOUT, act), seconds(delay)),
        clearTimeout: (timer) => clock.clearTimeout(timer),
      },
    }).start();
  }

  get state(): StateOf<S> {
    return this.#actor.getSnapshot().value;
  }

  /** Moves on, at once; the present state must know the event. */
  send(event: string): void {
    if (!this.#knows(event)) throw this.#refusal(event);
    this.#step(event, () => this.#actor.send({ type: event }));
  }

  #step(event: string, act: () => void): void {
    const from = this.state;
    act();
    this.#onTransition({ from, event, to: this.state });
  }

  #knows(event: string): boolean {
    return this.#actor.getSnapshot().can({ type: event });
  }

  #refusal(event: string): Error {
    const subject = this.#subject;
    const legal = eventsOf(subject).filter((known) => this.#knows(known));
    return refusalOf({ subject, state: this.state, event, legal });
  }
}
