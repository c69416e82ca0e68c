/** Courses of jobs for laws of job time, and failures that come when a law says so. */
import fc from 'fast-check';
import type { Component } from '../../src/scenario/reliability.ts';
import { COMPONENTS } from '../../src/scenario/reliability.ts';
import type { Course } from '../../src/sim/job-time/course.ts';
import type { Failures } from '../../src/sim/job-time/failures.ts';

export interface Strike {
  readonly at: number;
  readonly component: Component;
}

export class ListedFailures implements Failures {
  readonly #strikes: readonly Strike[];
  #next = 0;
  constructor(strikes: readonly Strike[]) {
    this.#strikes = strikes.toSorted((a, b) => a.at - b.at);
  }
  get at(): number {
    return this.#strikes[this.#next]?.at ?? Infinity;
  }
  get component(): Component {
    return this.#strikes[this.#next]!.component;
  }
  advance(): void {
    this.#next++;
  }
}

/** Ten minutes of steps of a second, saved every twenty. */
export const plainCourse = (parts: Partial<Course> = {}): Course => ({
  steps: 600,
  step: 1000,
  stepsBetween: 20,
  saving: { blocks: 500, drains: 0, storageEvery: 1, copies: null },
  recovery: { detection: 300, restart: 700, swap: 200 },
  nodes: { spares: 1000, repair: 60_000, count: 8, perReplica: 2, replicas: 4, withoutSpare: 'wait' },
  ...parts,
});

const upTo = (most: number) => fc.integer({ min: 0, max: most });

const savings = fc.oneof(
  fc.record({
    blocks: upTo(3000),
    drains: fc.constant(0),
    storageEvery: fc.constant(1),
    copies: fc.constant<null>(null),
  }),
  fc.record({ blocks: upTo(900), drains: upTo(40_000), storageEvery: fc.constant(1), copies: fc.constant<null>(null) }),
  fc.record({
    blocks: upTo(900),
    drains: upTo(40_000),
    storageEvery: fc.integer({ min: 1, max: 5 }),
    copies: fc.constantFrom('own' as const, 'neighbour' as const),
  }),
);

/** Jobs of minutes, which fail as often as others in weeks. `withoutSpare`: what they do then. */
export const courses = (withoutSpare: 'wait' | 'shrink'): fc.Arbitrary<Course> =>
  fc.record({
    steps: fc.integer({ min: 1, max: 400 }),
    step: fc.double({ min: 1, max: 2000, noNaN: true }),
    stepsBetween: fc.integer({ min: 1, max: 60 }),
    saving: savings,
    recovery: fc.record({ detection: upTo(5000), restart: upTo(9000), swap: upTo(3000) }),
    nodes: fc.record({
      spares: upTo(3),
      repair: upTo(200_000),
      count: fc.constant(8),
      perReplica: fc.constantFrom(0.5, 1, 2),
      replicas: fc.constant(4),
      withoutSpare: fc.constant(withoutSpare),
    }),
  });

export const strikes = (most: number): fc.Arbitrary<readonly Strike[]> =>
  fc.array(fc.record({ at: upTo(600_000), component: fc.constantFrom(...COMPONENTS) }), { maxLength: most });
