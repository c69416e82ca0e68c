/** Laws of the life of a job: no moment is lost, more failures never help, and small worlds agree with a ticking clock. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Lifecycle } from '../../src/actors/lifecycles/lifecycle.ts';
import type { Component } from '../../src/scenario/reliability.ts';
import { COMPONENTS } from '../../src/scenario/reliability.ts';
import type { Course, Life } from '../../src/sim/job-time/course.ts';
import { takesNode } from '../../src/sim/job-time/course.ts';
import { DrawnFailures } from '../../src/sim/job-time/failures.ts';
import type { JobEvent } from '../../src/sim/job-time/live.ts';
import { live } from '../../src/sim/job-time/live.ts';
import { livesOf } from '../../src/sim/job-time/set-out.ts';
import { seconds } from '../../src/units/quantity.ts';
import type { Strike } from '../worlds/long-jobs.ts';
import { courses, ListedFailures, plainCourse, strikes } from '../worlds/long-jobs.ts';

const NEVER: readonly Strike[] = [];
const lived = (course: Course, failures: readonly Strike[]): Life => live(course, new ListedFailures(failures));
const total = (parts: Readonly<Record<string, number>>): number =>
  Object.values(parts).reduce((sum, part) => sum + part, 0);
const anyCourse = fc.oneof(courses('wait'), courses('shrink'));

describe('a life', () => {
  test('is useful work and what was lost by its causes, to the millisecond', () => {
    fc.assert(
      fc.property(anyCourse, strikes(60), (course, failures) => {
        const life = lived(course, failures);
        expect(life.isFinished).toBe(true);
        expect(life.useful).toBe(Math.round(course.steps * course.step));
        expect(life.useful + total(life.lost)).toBe(life.wall);
        expect(Object.values(life.lost).every((time) => time >= 0 && Number.isInteger(time))).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test('without failures and with checkpoints that cost nothing takes its steps times their time', () => {
    fc.assert(
      fc.property(anyCourse, (course) => {
        const saving = { ...course.saving, blocks: 0, drains: 0 };
        expect(lived({ ...course, saving }, NEVER).wall).toBe(Math.round(course.steps * course.step));
      }),
    );
  });

  test('without failures pays for each checkpoint but one at the end, whatever the strides it is played in', () => {
    for (const stepsBetween of [1, 7, 20, 599, 600, 601]) {
      const { wall, checkpoints } = lived(plainCourse({ stepsBetween }), NEVER);
      expect(checkpoints).toBe(Math.ceil(600 / stepsBetween) - 1);
      expect(wall).toBe(600_000 + 500 * checkpoints);
    }
  });

  test('with more failures never has more goodput', () => {
    fc.assert(
      fc.property(courses('wait'), strikes(30), strikes(8), (course, failures, more) => {
        expect(lived(course, [...failures, ...more]).wall).toBeGreaterThanOrEqual(lived(course, failures).wall);
      }),
      { numRuns: 2000 },
    );
  });

  test('goes through the states of the job chart and no others, and ends in done', () => {
    const timers = { setTimeout: () => 0, clearTimeout: () => undefined };
    const seen = new Set<JobEvent>();
    fc.assert(
      fc.property(anyCourse, strikes(40), (course, failures) => {
        const chart = new Lifecycle('job', { clock: timers, restart: seconds(0), onTransition: () => undefined });
        let last = 0;
        const witness = (event: JobEvent, now: number): void => {
          seen.add(event);
          chart.send(event);
          expect(now).toBeGreaterThanOrEqual(last);
          last = now;
        };
        live(course, new ListedFailures(failures), { witness });
        expect(chart.state).toBe('done');
      }),
    );
    expect([...seen].toSorted()).toEqual(['checkpoint', 'fail', 'finish', 'place', 'recover', 'resume', 'train']);
  });

  test('is given up where it fails more often than it comes on', () => {
    const course = plainCourse({ steps: 100_000 });
    const daily = { card: 0, node: 0, fabric: 0, software: 86_400 };
    const life = live(course, new DrawnFailures(1, { daily, shape: 1 }));
    expect(life.isFinished).toBe(false);
    expect(life.useful + total(life.lost)).toBe(life.wall);
  });
});

/** The same life, millisecond by millisecond; enough spares, whole milliseconds a step, one way to save. */
class Ticking {
  readonly #course: Course;
  readonly #total: number;
  readonly #gap: number;
  #now = 0;
  #work = 0;
  #stored = 0;
  #sent = 0;
  #arrives = Infinity;
  /** Milliseconds left of a checkpoint, and of a recovery. */
  #saving = 0;
  #away = 0;
  #swap = 0;

  constructor(course: Course) {
    this.#course = course;
    this.#total = course.steps * course.step;
    this.#gap = course.stepsBetween * course.step;
  }

  play(failures: readonly Strike[]): number {
    const due = failures.toSorted((a, b) => a.at - b.at);
    for (;;) {
      if (this.#arrives <= this.#now) [this.#stored, this.#arrives] = [this.#sent, Infinity];
      if (this.#away === 0) this.#swap = 0;
      if (this.#work === this.#total && this.#away === 0) return this.#now;
      while (due[0] !== undefined && due[0].at <= this.#now) this.#fail(due.shift()!);
      this.#tick();
    }
  }

  #fail({ component }: Strike): void {
    const { detection, restart, swap } = this.#course.recovery;
    [this.#work, this.#saving, this.#arrives] = [this.#stored, 0, Infinity];
    if (takesNode(component)) this.#swap = swap;
    this.#away = detection + restart + this.#swap;
  }

  #tick(): void {
    this.#now++;
    if (this.#away > 0) this.#away--;
    else if (this.#saving > 0) {
      if (--this.#saving === 0) this.#saved();
    } else if (++this.#work % this.#gap === 0 && this.#work < this.#total) this.#save();
  }

  #save(): void {
    const { blocks, drains } = this.#course.saving;
    this.#saving = blocks + Math.max(0, drains - (this.#gap + blocks - 1));
    if (this.#saving === 0) this.#saved();
  }
  #saved(): void {
    [this.#sent, this.#arrives] = [this.#work, this.#now + this.#course.saving.drains];
  }
}

test('a life in strides is the life that a ticking clock tells', () => {
  const small = fc.record({
    steps: fc.integer({ min: 1, max: 60 }),
    step: fc.integer({ min: 1, max: 20 }),
    stepsBetween: fc.integer({ min: 1, max: 12 }),
    blocks: fc.integer({ min: 0, max: 9 }),
    drains: fc.integer({ min: 0, max: 60 }),
    recovery: fc.record({
      detection: fc.integer({ min: 0, max: 9 }),
      restart: fc.integer({ min: 1, max: 9 }),
      swap: fc.integer({ min: 0, max: 9 }),
    }),
  });
  const failures = fc.array(
    fc.record({ at: fc.integer({ min: 1, max: 1500 }), component: fc.constantFrom<Component>(...COMPONENTS) }),
    { maxLength: 20 },
  );
  fc.assert(
    fc.property(small, failures, ({ blocks, drains, ...parts }, struck) => {
      const course = plainCourse({ ...parts, saving: { blocks, drains, storageEvery: 1, copies: null } });
      expect(lived(course, struck).wall).toBe(new Ticking(course).play(struck));
    }),
    { numRuns: 2000 },
  );
});

describe('failures', () => {
  const daily = { card: 5, node: 1, fabric: 0, software: 2 };
  const strikesOf = (seed: number, rates: typeof daily, shape = 1, count = 4000): readonly Strike[] => {
    const failures = new DrawnFailures(seed, { daily: rates, shape });
    return Array.from({ length: count }, () => {
      const { at, component } = failures;
      failures.advance();
      return { at, component };
    });
  };

  test.each([0.5, 1, 2])('come at their rates, with gaps of shape %d', (shape) => {
    const drawn = strikesOf(7, daily, shape);
    const days = drawn.at(-1)!.at / 86_400_000;
    expect(drawn.length / days / 8).toBeCloseTo(1, 1);
    expect(drawn.filter(({ component }) => component === 'card').length / days / 5).toBeCloseTo(1, 1);
    expect(drawn.some(({ component }) => component === 'fabric')).toBe(false);
    expect(drawn.every(({ at }, index) => index === 0 || at >= drawn[index - 1]!.at)).toBe(true);
  });

  test('of one component come when they came before, whatever the rate of another', () => {
    const cards = (rates: typeof daily): readonly number[] =>
      strikesOf(3, rates)
        .filter(({ component }) => component === 'card')
        .slice(0, 500)
        .map(({ at }) => at);
    expect(cards({ ...daily, software: 0 })).toEqual(cards(daily));
  });

  test('of one seed are the same, and so is all that follows from them', () => {
    const lot = { daily, shape: 1, seed: 5, count: 5 };
    const course = plainCourse({ steps: 400_000 });
    expect(JSON.stringify(livesOf(course, lot))).toBe(JSON.stringify(livesOf(course, lot)));
    expect(livesOf(course, { ...lot, seed: 6 })[0]).toEqual(livesOf(course, lot)[1]);
    expect(livesOf(course, lot)[0]).not.toEqual(livesOf(course, lot)[1]);
  });
});

describe('what a life loses', () => {
  const daily = { card: 200, node: 0, fabric: 0, software: 50 };
  const lot = { daily, shape: 1, seed: 1, count: 20 };
  const mean = (course: Course, cause: keyof Life['lost']): number =>
    livesOf(course, lot).reduce((sum, { lost }) => sum + lost[cause], 0) / lot.count;
  const long = plainCourse({ steps: 500_000 });

  test('is less work done again the more failures a copy in memory outlives', () => {
    const saved = (storageEvery: number, copies: 'own' | 'neighbour' | null): number =>
      mean({ ...long, saving: { blocks: 500, drains: 5000, storageEvery, copies } }, 'recompute');
    expect(saved(5, 'neighbour')).toBeLessThan(saved(1, null));
    expect(saved(5, 'neighbour')).toBeLessThan(saved(5, 'own'));
    expect(saved(5, 'own')).toBeLessThan(saved(5, null));
  });

  test('goes back to storage when a second failure strikes during the recovery, and to memory when one strikes alone', () => {
    const again = (copies: 'own' | 'neighbour', ...struck: readonly Strike[]): number =>
      lived(plainCourse({ saving: { blocks: 500, drains: 0, storageEvery: 100, copies } }), struck).lost.recompute;
    const [card, bug, soon] = [
      { at: 150_000, component: 'card' },
      { at: 150_000, component: 'software' },
      { at: 150_500, component: 'software' },
    ] as const;
    // Seven checkpoints were taken by then, none of which went to storage.
    expect(again('neighbour', card)).toBe(6500);
    expect(again('neighbour', card, soon)).toBe(146_500);
    expect(again('own', bug)).toBe(6500);
    expect(again('own', card)).toBe(146_500);
  });

  test('is nothing to repairs where spares are plenty, and less the more there are', () => {
    const waiting = (spares: number): number =>
      mean({ ...long, nodes: { ...long.nodes, count: 100, spares, repair: 3_600_000 } }, 'repair');
    const times = [0, 4, 8, 12, 40].map(waiting);
    expect(times).toEqual(times.toSorted((a, b) => b - a));
    expect(times[0]).toBeGreaterThan(0);
    expect(times.at(-1)).toBe(0);
  });

  test('is less in all where a job without spares shrinks than where it waits for a slow repair', () => {
    const wall = (withoutSpare: 'wait' | 'shrink'): number => {
      const nodes = { ...long.nodes, count: 64, replicas: 32, spares: 0, repair: 1_800_000, withoutSpare };
      return livesOf({ ...long, nodes }, lot).reduce((sum, life) => sum + life.wall, 0);
    };
    expect(wall('shrink')).toBeLessThan(wall('wait'));
  });

  test('counts the steps of a job with fewer replicas as longer, and takes its nodes back after a checkpoint', () => {
    const nodes = { ...plainCourse().nodes, spares: 0, repair: 100_000, withoutSpare: 'shrink' as const };
    const life = lived(plainCourse({ nodes }), [{ at: 41_500, component: 'node' }]);
    // One of four replicas is away: from the restart at 42,700 to the first checkpoint after 141,500.
    expect(life.regroupings).toBe(1);
    const [cycle, from] = [20_000 * (4 / 3) + 500, 42_700];
    const cycles = Math.ceil((141_500 - from) / cycle);
    expect(life.lost.shrunk).toBe(cycles * Math.round(20_000 / 3));
  });
});
