/** The statecharts of a world: those of its actors, moved by their marks, and those of its cards, moved by what befalls them. */
import { DEVICE_SPEED } from './device.ts';
import type { LifecycleClock } from './lifecycle.ts';
import { Lifecycle } from './lifecycle.ts';
import type { TransitionTable } from './transition-table.ts';
import { compileLifecycle, stateAfter } from './transition-table.ts';
import type { Mark } from '../../effects/effect.ts';
import type { Passage } from '../../effects/trace.ts';
import type { Rank } from '../../units/identity.ts';
import type { Instant, Seconds } from '../../units/quantity.ts';

export interface LifecycleWorld {
  readonly restart: Seconds;
  readonly now: () => Instant;
  readonly after: (delay: Seconds, act: () => void) => void;
  readonly onPassage: (passage: Passage) => void;
}

/** Subjects whose charts know no delays: there is one on every rank, so their charts are run as tables. */
const TABLED = ['stage', 'shard', 'loader'] as const;
type Tabled = (typeof TABLED)[number];
const isTabled = (subject: Mark['subject']): subject is Tabled => TABLED.some((tabled) => tabled === subject);

export class Lifecycles {
  readonly #world: LifecycleWorld;
  readonly #tables = new Map<Tabled, TransitionTable<Tabled>>();
  readonly #rows = new Map<string, number>();
  readonly #cards = new Map<Rank, Lifecycle<'device'>>();
  #job: Lifecycle<'job'> | null = null;
  /** What the supervisor said while the job recovered. */
  #deferred: string[] = [];
  /** Work that cards cannot do now. */
  readonly #postponed = new Map<Rank, (() => void)[]>();

  constructor(world: LifecycleWorld) {
    this.#world = world;
  }

  /** An actor's lifecycle moves on. */
  mark(rank: Rank, subject: Mark['subject'], event: string): void {
    if (isTabled(subject)) this.#step(rank, subject, event);
    else if (subject === 'device') this.#card(rank).send(event);
    else this.#supervised((this.#job ??= this.#start(rank, 'job')), event);
  }

  /** Something happens to a card. A card that fails is replaced at once, and the job, if it is not over, recovers with it. */
  befall(rank: Rank, event: 'degrade' | 'fail'): void {
    const card = this.#card(rank);
    card.send(event);
    if (event !== 'fail') return;
    if (this.#job?.state !== 'done') this.#job?.send('fail');
    card.send('replace');
  }

  /** Does `work` at the card's present speed: now, or when the card is able to again. */
  whenAble(rank: Rank, slowdown: number, work: (speed: number) => void): void {
    const speed = DEVICE_SPEED[this.#card(rank).state](slowdown);
    if (speed > 0) return work(speed);
    const works = this.#postponed.get(rank) ?? [];
    works.push(() => this.whenAble(rank, slowdown, work));
    this.#postponed.set(rank, works);
  }

  /** A job that recovers hears what its supervisor says when it has: the last report may come from a card that then fails. */
  #supervised(job: Lifecycle<'job'>, event: string): void {
    if (job.state === 'recovering') this.#deferred.push(event);
    else job.send(event);
  }

  #step(rank: Rank, subject: Tabled, event: string): void {
    const table = this.#tables.get(subject) ?? compileLifecycle(subject);
    this.#tables.set(subject, table);
    const name = `${rank} ${subject}`;
    const from = this.#rows.get(name) ?? 0;
    const to = stateAfter(table, from, table.events.indexOf(event));
    this.#rows.set(name, to);
    this.#passed(rank, subject, { from: table.states[from]!, event, to: table.states[to]! });
  }

  #card(rank: Rank): Lifecycle<'device'> {
    const known = this.#cards.get(rank);
    if (known !== undefined) return known;
    const card = this.#start(rank, 'device');
    this.#cards.set(rank, card);
    return card;
  }

  #start<S extends 'device' | 'job'>(rank: Rank, subject: S): Lifecycle<S> {
    return new Lifecycle(subject, {
      restart: this.#world.restart,
      clock: clockOn(this.#world),
      onTransition: (passage) => {
        this.#passed(rank, subject, passage);
        if (subject === 'device' && passage.to === 'healthy') this.#recovered(rank);
      },
    });
  }

  #passed(rank: Rank, subject: string, passage: Pick<Passage, 'from' | 'event' | 'to'>): void {
    this.#world.onPassage({ kind: 'passage', rank, subject, ...passage, at: this.#world.now() });
  }

  /** The card computes again, and so does the job if this was the last one missing. */
  #recovered(rank: Rank): void {
    const isWhole = [...this.#cards.values()].every(({ state }) => DEVICE_SPEED[state](1) > 0);
    if (isWhole && this.#job?.state === 'recovering') this.#resume(this.#job);
    const works = this.#postponed.get(rank) ?? [];
    this.#postponed.delete(rank);
    for (const work of works) work();
  }

  #resume(job: Lifecycle<'job'>): void {
    job.send('recover');
    const events = this.#deferred;
    this.#deferred = [];
    for (const event of events) job.send(event);
  }
}

/** Delays pass in the world's time; a timer that was cleared rings in vain. */
const clockOn = ({ after }: LifecycleWorld): LifecycleClock => {
  const cleared = new Set<unknown>();
  return {
    setTimeout: (act, delay) => {
      const timer = Symbol('timer');
      after(delay, () => {
        if (!cleared.delete(timer)) act();
      });
      return timer;
    },
    clearTimeout: (timer) => {
      cleared.add(timer);
    },
  };
};
