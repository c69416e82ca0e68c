/** The statecharts of a world: those of its actors, moved by their marks, and those of its cards, moved by what befalls them. */
import type { DeviceState } from '../actors/lifecycles/device.ts';
import { DEVICE_SPEED } from '../actors/lifecycles/device.ts';
import { Lifecycle } from '../actors/lifecycles/lifecycle.ts';
import type { Mark } from '../effects/effect.ts';
import { blocked } from '../effects/program.ts';
import type { Passage } from '../effects/trace.ts';
import type { Rank } from '../units/identity.ts';
import type { Instant, Seconds } from '../units/quantity.ts';

export interface LifecycleWorld {
  readonly restart: Seconds;
  readonly now: () => Instant;
  readonly after: (delay: Seconds, act: () => void) => void;
  readonly onPassage: (passage: Passage) => void;
}

export class Lifecycles {
  readonly #world: LifecycleWorld;
  readonly #running = new Map<string, Lifecycle<Mark['subject']>>();
  /** Work that cards cannot do now. */
  readonly #postponed = new Map<Rank, (() => void)[]>();
  /** Who supervises the job, once it was placed. */
  #supervisor: Rank | null = null;

  constructor(world: LifecycleWorld) {
    this.#world = world;
  }

  /** An actor's lifecycle moves on. */
  mark(rank: Rank, subject: Mark['subject'], event: string): void {
    if (subject === 'job') this.#supervisor = rank;
    this.#of(rank, subject).send(event);
  }

  /** Something happens to a card. A card that fails is replaced at once, and the job recovers with it. */
  befall(rank: Rank, event: 'degrade' | 'fail'): void {
    this.mark(rank, 'device', event);
    if (event !== 'fail') return;
    if (this.#supervisor !== null) this.mark(this.#supervisor, 'job', 'fail');
    this.mark(rank, 'device', 'replace');
  }

  /** Does `work` at the card's present speed: now, or when the card is able to again. */
  whenAble(rank: Rank, slowdown: number, work: (speed: number) => void): typeof blocked {
    const state = this.#of(rank, 'device').state as DeviceState;
    const speed = DEVICE_SPEED[state](slowdown);
    if (speed > 0) work(speed);
    else this.#postponedBy(rank).push(() => this.whenAble(rank, slowdown, work));
    return blocked;
  }

  #postponedBy(rank: Rank): (() => void)[] {
    let works = this.#postponed.get(rank);
    if (works === undefined) this.#postponed.set(rank, (works = []));
    return works;
  }

  #of(rank: Rank, subject: Mark['subject']): Lifecycle<Mark['subject']> {
    const name = `${rank} ${subject}`;
    let lifecycle = this.#running.get(name);
    if (lifecycle === undefined) this.#running.set(name, (lifecycle = this.#start(rank, subject)));
    return lifecycle;
  }

  #start(rank: Rank, subject: Mark['subject']): Lifecycle<Mark['subject']> {
    const { restart, now, after, onPassage } = this.#world;
    return new Lifecycle(subject, {
      restart,
      clock: {
        setTimeout: (act, delay) => {
          const timer = { isSet: true };
          after(delay, () => timer.isSet && act());
          return timer;
        },
        clearTimeout: (timer) => {
          (timer as { isSet: boolean }).isSet = false;
        },
      },
      onTransition: ({ from, event, to }) => {
        onPassage({ kind: 'passage', rank, subject, from, event, to, at: now() });
        if (subject === 'device' && to === 'healthy') this.#recovered(rank);
      },
    });
  }

  /** The card computes again, and so does the job. */
  #recovered(rank: Rank): void {
    if (this.#supervisor !== null && this.#of(this.#supervisor, 'job').state === 'recovering')
      this.mark(this.#supervisor, 'job', 'recover');
    const works = this.#postponed.get(rank) ?? [];
    this.#postponed.delete(rank);
    for (const work of works) work();
  }
}
