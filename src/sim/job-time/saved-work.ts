/** What of a job's work outlives a failure: the last checkpoint in storage, one on its way there, one in the hosts' memory. */
import type { Component } from '../../scenario/reliability.ts';
import type { Saving } from './course.ts';
import { takesNode } from './course.ts';

/** How far the job had come: work, what it took longer than at full strength, and the checkpoints that led there. */
export interface Stand {
  work: number;
  extra: number;
  index: number;
}

/** Stands are overwritten in place: one of them is copied at every checkpoint. */
export class SavedWork {
  readonly #saving: Saving;
  readonly #stored: Stand = { work: 0, extra: 0, index: 0 };
  readonly #travelling: Stand = { work: 0, extra: 0, index: 0 };
  readonly #remembered: Stand = { work: 0, extra: 0, index: 0 };
  /** When storage has what travels; infinite if nothing does. */
  #arrives = Infinity;

  constructor(saving: Saving) {
    this.#saving = saving;
  }

  /** A checkpoint is complete, as far as training waits for it. */
  save(stand: Stand, now: number): void {
    const { storageEvery, drains } = this.#saving;
    this.#settle(now);
    copy(stand, this.#remembered);
    if (stand.index % storageEvery !== 0) return;
    copy(stand, this.#travelling);
    this.#arrives = now + drains;
    this.#settle(now);
  }

  /** Sets `stand` back to where the job goes on from. `isAlone`: no other failure is being recovered from. */
  restore(
    stand: Stand,
    failure: { readonly now: number; readonly component: Component; readonly isAlone: boolean },
  ): void {
    const { now, component, isAlone } = failure;
    this.#settle(now);
    if (this.#isRemembered(component, isAlone)) {
      copy(this.#remembered, stand);
      return;
    }
    this.#arrives = Infinity;
    copy(this.#stored, this.#remembered);
    copy(this.#stored, stand);
  }

  /** Two failures at a time may take a copy and its neighbour's; one takes at most the copy of its own node. */
  #isRemembered(component: Component, isAlone: boolean): boolean {
    const { copies } = this.#saving;
    return copies !== null && isAlone && (copies === 'neighbour' || !takesNode(component));
  }

  #settle(now: number): void {
    if (this.#arrives > now) return;
    copy(this.#travelling, this.#stored);
    this.#arrives = Infinity;
  }
}

const copy = (from: Stand, to: Stand): void => {
  to.work = from.work;
  to.extra = from.extra;
  to.index = from.index;
};
