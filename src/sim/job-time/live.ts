/** One life of a job, from failure to failure: the statechart says what may happen, and each moment is booked once. */
import type { TransitionTable } from '../../actors/lifecycles/transition-table.ts';
import { compileLifecycle, stateAfter } from '../../actors/lifecycles/transition-table.ts';
import type { Component } from '../../scenario/reliability.ts';
import { COMPONENTS } from '../../scenario/reliability.ts';
import { totalRecord } from '../../units/total-record.ts';
import type { Cause, Course, Life } from './course.ts';
import { CAUSES, takesNode, workAfter } from './course.ts';
import type { Failures } from './failures.ts';
import { NodeYard } from './node-yard.ts';
import type { Stand } from './saved-work.ts';
import { SavedWork } from './saved-work.ts';

/** What the chart of the job knows, by the names of its table. */
export type JobEvent = 'place' | 'train' | 'checkpoint' | 'resume' | 'fail' | 'recover' | 'finish';
/** Told of every event that the chart was sent, before it moves on. */
export type Witness = (event: JobEvent, now: number) => void;

export interface LifeOptions {
  /** Compiled once for many lives. */
  readonly table?: TransitionTable<'job'>;
  readonly witness?: Witness;
}

/** Plays the job until it is done, or until nobody would wait for it any longer. */
export const live = (course: Course, failures: Failures, options: LifeOptions = {}): Life =>
  new Living(course, failures, options).play();

/** After so many interruptions a job is given up. */
const INTERRUPTIONS_MAX = 200_000;

class Living {
  readonly #course: Course;
  readonly #failures: Failures;
  readonly #witness: Witness | null;
  readonly #table: TransitionTable<'job'>;
  readonly #saved: SavedWork;
  readonly #yard: NodeYard;
  readonly #total: number;
  readonly #lastIndex: number;
  readonly #stall: number;
  readonly #stand: Stand = { work: 0, extra: 0, index: 0 };
  readonly #lost: Record<Cause, number> = { ...totalRecord(CAUSES, () => 0) };
  readonly #interruptions: Record<Component, number> = { ...totalRecord(COMPONENTS, () => 0) };
  #interruptionCount = 0;
  #regroupings = 0;
  #checkpoints = 0;
  #now = 0;
  #state = 0;
  #replicasLost = 0;
  #slowdown = 1;

  constructor(course: Course, failures: Failures, { table, witness }: LifeOptions) {
    this.#course = course;
    this.#failures = failures;
    this.#table = table ?? compileLifecycle('job');
    this.#witness = witness ?? null;
    this.#saved = new SavedWork(course.saving);
    this.#yard = new NodeYard(course.nodes);
    this.#total = workAfter(course, course.steps);
    // The end of the run needs no checkpoint to go on from.
    this.#lastIndex = Math.ceil(course.steps / course.stepsBetween) - 1;
    this.#stall = stallOf(course);
  }

  play(): Life {
    this.#send('place');
    this.#send('train');
    while (this.#stand.work < this.#total && !this.#isGivenUp) this.#comeOn();
    const isFinished = this.#stand.work >= this.#total;
    if (isFinished) this.#send('finish');
    this.#lost.shrunk += this.#stand.extra;
    return {
      isFinished,
      wall: this.#now,
      useful: this.#stand.work,
      lost: this.#lost,
      interruptions: this.#interruptions,
      regroupings: this.#regroupings,
      checkpoints: this.#checkpoints,
    };
  }

  get #isGivenUp(): boolean {
    return this.#interruptionCount >= INTERRUPTIONS_MAX;
  }

  /** To the next checkpoint and through it, to the end of the run, or to a failure and through its recovery. */
  #comeOn(): void {
    this.#leap();
    const { index } = this.#stand;
    const target = index < this.#lastIndex ? this.#workAt(index + 1) : this.#total;
    if (!this.#trainTo(target)) return this.#recover();
    if (target === this.#total) return;
    this.#send('checkpoint');
    if (!this.#pass(this.#blockOf(index + 1), 'checkpoint')) return this.#recover();
    this.#send('resume');
    this.#stand.index++;
    this.#checkpoints++;
    this.#saved.save(this.#stand, this.#now);
    if (this.#replicasLost > this.#yard.replicasLost(this.#now)) this.#regroup();
  }

  /**
   * Checkpoints that no failure comes near are passed in one stride, and stand for one of them in the chart; not the last,
   * whose copies the failure may fall back to. Only at full strength, where nothing but failures can come between.
   */
  #leap(): void {
    if (this.#slowdown !== 1) return;
    const { stepsBetween, step, saving } = this.#course;
    const { index, work } = this.#stand;
    const cycle = stepsBetween * step + saving.blocks + this.#stall;
    const calm = Math.min((this.#failures.at - this.#now) / cycle, this.#lastIndex - index);
    const near = 2 * saving.storageEvery + 2;
    const until = index + Math.floor((calm - near) / saving.storageEvery) * saving.storageEvery;
    if (!(until > index)) return;
    const count = until - index;
    const stalls = Math.floor(until / saving.storageEvery) - Math.floor(index / saving.storageEvery);
    const blocked = count * saving.blocks + stalls * this.#stall;
    this.#send('checkpoint');
    this.#send('resume');
    this.#stand.work = this.#workAt(until);
    this.#stand.index = until;
    this.#checkpoints += count;
    this.#lost.checkpoint += blocked;
    this.#now += this.#stand.work - work + blocked;
  }

  /** True when it gets there; false when a failure comes first, and time stands at the failure. */
  #trainTo(target: number): boolean {
    const work = target - this.#stand.work;
    const time = Math.round(work * this.#slowdown);
    const end = this.#now + time;
    if (this.#failures.at >= end) {
      this.#stand.work = target;
      this.#stand.extra += time - work;
      this.#now = end;
      return true;
    }
    const elapsed = this.#failures.at - this.#now;
    const done = Math.min(work, Math.floor(elapsed / this.#slowdown));
    this.#stand.work += done;
    this.#stand.extra += elapsed - done;
    this.#now = this.#failures.at;
    return false;
  }

  /** Lets time pass that is lost to `cause`; false when a failure cuts it short. */
  #pass(time: number, cause: Cause): boolean {
    const isWhole = this.#failures.at >= this.#now + time;
    const passed = isWhole ? time : this.#failures.at - this.#now;
    this.#lost[cause] += passed;
    this.#now += passed;
    return isWhole;
  }

  /** From a failure that has come to the moment when the job trains again: another failure begins all of it anew. */
  #recover(): void {
    let [isAlone, takesSpare] = [true, false];
    do {
      const { component } = this.#failures;
      this.#send('fail');
      this.#strike(component, isAlone);
      isAlone = false;
      takesSpare ||= takesNode(component);
      this.#failures.advance();
      if (this.#isGivenUp) return;
    } while (!this.#isBack(takesSpare));
    this.#send('recover');
  }

  /** What a failure takes: the work since the copy that outlives it, and perhaps a node. */
  #strike(component: Component, isAlone: boolean): void {
    const { work, extra } = this.#stand;
    this.#interruptions[component]++;
    this.#interruptionCount++;
    if (takesNode(component)) this.#yard.fail(this.#now);
    this.#saved.restore(this.#stand, { now: this.#now, component, isAlone });
    this.#lost.recompute += work - this.#stand.work + (extra - this.#stand.extra);
  }

  #isBack(takesSpare: boolean): boolean {
    const { detection, restart, swap } = this.#course.recovery;
    if (!this.#pass(detection, 'detection')) return false;
    if (!this.#pass(this.#yard.readyAt(this.#now) - this.#now, 'repair')) return false;
    this.#line();
    return this.#pass(restart + (takesSpare ? swap : 0), 'restart');
  }

  /**
   * Takes back the nodes that were repaired meanwhile; the state is at hand, for a checkpoint has just been taken. The chart
   * knows one way to stop a job, which is to fail it: nothing is lost here but the restart.
   */
  #regroup(): void {
    this.#send('fail');
    this.#regroupings++;
    this.#line();
    if (this.#pass(this.#course.recovery.restart, 'restart')) this.#send('recover');
    else this.#recover();
  }

  /** The job takes the nodes that there are: with fewer replicas the same batch takes longer. */
  #line(): void {
    const { replicas } = this.#course.nodes;
    this.#replicasLost = this.#yard.replicasLost(this.#now);
    this.#slowdown = replicas / Math.max(1, replicas - this.#replicasLost);
  }

  #send(event: JobEvent): void {
    this.#witness?.(event, this.#now);
    this.#state = stateAfter(this.#table, this.#state, this.#table.events.indexOf(event));
  }
  #workAt(index: number): number {
    return workAfter(this.#course, index * this.#course.stepsBetween);
  }
  #blockOf(index: number): number {
    const { blocks, storageEvery } = this.#course.saving;
    return blocks + (index % storageEvery === 0 ? this.#stall : 0);
  }
}

/** A checkpoint goes to storage only when the one before it is there: what is left of its way is waited for. */
const stallOf = ({ step, stepsBetween, saving }: Course): number => {
  const between = saving.storageEvery * (Math.floor(stepsBetween * step) + saving.blocks) - 1;
  return Math.max(0, saving.drains - between);
};
