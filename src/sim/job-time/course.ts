/** The course of a job in whole milliseconds: what it has to do, what a failure costs it, and how it saves its state. */
import type { Component } from '../../scenario/reliability.ts';

/** What a life of the job is played from. Every time is a whole number of milliseconds. */
export interface Course {
  readonly steps: number;
  /** Of one step at full strength; a part of a millisecond counts, since steps are rounded by the run and not one by one. */
  readonly step: number;
  /** From one checkpoint to the next. */
  readonly stepsBetween: number;
  readonly saving: Saving;
  readonly recovery: Recovery;
  readonly nodes: NodePool;
}

export interface Saving {
  /** Training stands still for it. */
  readonly blocks: number;
  /** From there until storage has it: nothing where training waits for storage. */
  readonly drains: number;
  /** Checkpoints from one that goes to storage to the next. */
  readonly storageEvery: number;
  /** What a copy in the hosts' memory outlives; null where hosts keep none. */
  readonly copies: 'own' | 'neighbour' | null;
}

export interface Recovery {
  readonly detection: number;
  readonly restart: number;
  readonly swap: number;
}

export interface NodePool {
  readonly spares: number;
  readonly repair: number;
  /** Nodes of the job; of a replica, the smallest part that it can do without (as a fraction where replicas share one). */
  readonly count: number;
  readonly perReplica: number;
  /** Replicas without spares: the job waits until there are so many, or goes on with what it has. */
  readonly replicas: number;
  readonly withoutSpare: 'wait' | 'shrink';
}

/** Where the time goes that is no useful work. `shrunk`: what steps take longer with fewer replicas. */
export const CAUSES = ['recompute', 'detection', 'repair', 'restart', 'checkpoint', 'shrunk'] as const;
export type Cause = (typeof CAUSES)[number];

/** What became of one life. `wall` is `useful` and all that was lost, to the millisecond. */
export interface Life {
  /** False where the job was given up: it failed more often than it came on. */
  readonly isFinished: boolean;
  readonly wall: number;
  readonly useful: number;
  readonly lost: Readonly<Record<Cause, number>>;
  readonly interruptions: Readonly<Record<Component, number>>;
  /** Stops to take nodes back that were repaired. */
  readonly regroupings: number;
  readonly checkpoints: number;
}

/** Components whose failure takes a node with it. */
export const takesNode = (component: Component): boolean => component === 'card' || component === 'node';

/** Where work stands after a whole number of steps: rounded here alone, so that nothing drifts. */
export const workAfter = ({ step }: Pick<Course, 'step'>, steps: number): number => Math.round(steps * step);
