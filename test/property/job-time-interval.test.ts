/** Laws of the interval between checkpoints: the closed forms are met where they hold, and the sweep finds the best. */
import { describe, expect, test } from 'vitest';
import type { Course } from '../../src/sim/job-time/course.ts';
import { bestOf, dalyInterval, dalyWall, sweepIntervals, youngInterval } from '../../src/sim/job-time/interval.ts';
import type { Lot } from '../../src/sim/job-time/set-out.ts';
import { livesOf } from '../../src/sim/job-time/set-out.ts';
import { plainCourse } from '../worlds/long-jobs.ts';

/** Bugs alone stop the job: every recovery takes as long. */
const lotOf = (mtbf: number, count: number, seed = 1): Lot => ({
  daily: { card: 0, node: 0, fabric: 0, software: 86_400_000 / mtbf },
  shape: 1,
  seed,
  count,
});

/** So many times the time between failures, in steps of a second, with checkpoints that block. */
const courseOf = (cost: number, work: number, recovery: number): Course =>
  plainCourse({
    steps: Math.round(work / 1000),
    saving: { blocks: cost, drains: 0, storageEvery: 1, copies: null },
    recovery: { detection: recovery, restart: 0, swap: 0 },
  });

const meanWall = (course: Course, lot: Lot): number =>
  livesOf(course, lot).reduce((sum, { wall }) => sum + wall, 0) / lot.count;

/** Of the shortest expected time by Daly's form, by its own sweep. */
const bestByForm = (cost: number, mtbf: number): number => {
  const wallAt = (interval: number): number => dalyWall({ cost, mtbf, recovery: 0, interval, work: 1 });
  let best = cost / 100;
  for (let interval = best; interval < 10 * mtbf; interval *= 1.001)
    if (wallAt(interval) < wallAt(best)) best = interval;
  return best;
};

describe('the closed forms', () => {
  const mtbf = 10_000_000;

  test("Young's and Daly's meet where a checkpoint costs little beside the time between failures, and at the optimum", () => {
    for (const cost of [100, 1000, 10_000]) {
      const [young, daly] = [youngInterval({ cost, mtbf }), dalyInterval({ cost, mtbf })];
      expect(Math.abs(young / daly - 1)).toBeLessThan(Math.sqrt(cost / mtbf));
      expect(Math.abs(young / bestByForm(cost, mtbf) - 1)).toBeLessThan(Math.sqrt(cost / mtbf));
    }
  });
  test("Daly's is the optimum of the expected time within 3% up to checkpoints of half the time between failures, where Young's is not", () => {
    for (const cost of [0.01, 0.1, 0.5]) {
      const best = bestByForm(cost * mtbf, mtbf);
      expect(Math.abs(dalyInterval({ cost: cost * mtbf, mtbf }) / best - 1)).toBeLessThan(0.03);
    }
    expect(youngInterval({ cost: 0.5 * mtbf, mtbf }) / bestByForm(0.5 * mtbf, mtbf)).toBeGreaterThan(1.2);
  });
  test("Daly's is the time between failures where a checkpoint takes twice as long, and both agree there", () => {
    expect(dalyInterval({ cost: 2 * mtbf, mtbf })).toBe(mtbf);
    expect(dalyInterval({ cost: 1.999999 * mtbf, mtbf }) / mtbf).toBeCloseTo(2 * (1 + 1 / 3 + 1 / 9) - 2, 5);
  });
  test("Daly's expected time without failures is the work and its checkpoints, and the limit of rare failures", () => {
    const parts = { cost: 5, recovery: 100, interval: 50, work: 1000 };
    expect(dalyWall({ ...parts, mtbf: Infinity })).toBe(1100);
    expect(dalyWall({ ...parts, mtbf: 1e12 })).toBeCloseTo(1100, 3);
  });
});

describe('lives', () => {
  const mtbf = 1_000_000;

  test.each([
    { cost: 0.001, recovery: 0, every: 0.045 },
    { cost: 0.001, recovery: 0.1, every: 0.2 },
    { cost: 0.05, recovery: 0.3, every: 0.3 },
    { cost: 0.3, recovery: 0, every: 1 },
  ])('take as long on average as Daly expects: costs of $cost, recoveries of $recovery, every $every', (shares) => {
    const [cost, recovery, interval] = [shares.cost * mtbf, shares.recovery * mtbf, shares.every * mtbf];
    const course = { ...courseOf(cost, 400 * mtbf, recovery), stepsBetween: interval / 1000 };
    const lot = lotOf(mtbf, 40);
    const walls = livesOf(course, lot).map(({ wall }) => wall);
    const mean = walls.reduce((sum, wall) => sum + wall, 0) / walls.length;
    const deviation = Math.sqrt(walls.reduce((sum, wall) => sum + (wall - mean) ** 2, 0) / (walls.length - 1));
    const expected = dalyWall({ cost, mtbf, recovery, interval, work: 400 * mtbf });
    expect(Math.abs(mean - expected)).toBeLessThan((4 * deviation) / Math.sqrt(walls.length));
    expect(Math.abs(mean / expected - 1)).toBeLessThan(0.02);
  });

  test.each([0.0005, 0.005, 0.05, 0.3])(
    'swept over costs of %d between failures have their optimum where Daly says, or lose within 2% of it there',
    (share) => {
      const cost = share * mtbf;
      const course = courseOf(cost, 80 * mtbf, 0);
      const lot = lotOf(mtbf, 16);
      const best = bestOf(sweepIntervals(course, mtbf, (one) => livesOf(one, lot)));
      const atDaly = Math.round(dalyInterval({ cost, mtbf }) / course.step);
      const lost = (stepsBetween: number): number => meanWall({ ...course, stepsBetween }, lot) - 80 * mtbf;
      expect(lost(atDaly) / lost(best.stepsBetween)).toBeLessThan(1.02);
      expect(lost(atDaly) / lost(best.stepsBetween)).toBeGreaterThan(0.98);
    },
  );

  test.each([
    { blocks: 5000, drains: 0, storageEvery: 1, copies: null },
    { blocks: 200, drains: 20_000, storageEvery: 1, copies: null },
    { blocks: 300, drains: 60_000, storageEvery: 5, copies: 'own' },
    { blocks: 300, drains: 60_000, storageEvery: 5, copies: 'neighbour' },
  ] as const)('of other seeds lose within 10% of what their own best interval would: $blocks, $drains', (saving) => {
    const course = { ...courseOf(0, 80 * mtbf, 50_000), saving };
    const chosen = bestOf(sweepIntervals(course, mtbf, (one) => livesOf(one, lotOf(mtbf, 32))));
    const others = lotOf(mtbf, 30, 1000);
    const lost = (stepsBetween: number): number => meanWall({ ...course, stepsBetween }, others) - 80 * mtbf;
    let least = Infinity;
    for (let steps = 1; steps < 1000; steps = Math.ceil(steps * 1.12)) least = Math.min(least, lost(steps));
    expect(lost(chosen.stepsBetween)).toBeLessThan(1.1 * least);
  });
});
