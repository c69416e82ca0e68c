/** How often to save: the closed forms of Young and Daly, and the interval that does best when lives are played. */
import type { Course, Life } from './course.ts';

/** Cost of a checkpoint and mean time between failures, in the same unit as what they give. */
export interface Hazard {
  readonly cost: number;
  readonly mtbf: number;
}

/** sqrt(2 C M), with C the cost of a checkpoint and M the mean time between failures (Young 1974, CACM 17(9)). */
export const youngInterval = ({ cost, mtbf }: Hazard): number => Math.sqrt(2 * cost * mtbf);

/**
 * With C the cost of a checkpoint, M the mean time between failures and x = sqrt(C / 2M), the work between checkpoints is
 * sqrt(2 C M) (1 + x / 3 + x^2 / 9) - C for C < 2M, and M beyond (Daly 2006, FGCS 22(3), equation 37).
 */
export const dalyInterval = ({ cost, mtbf }: Hazard): number => {
  if (cost >= 2 * mtbf) return mtbf;
  const x = Math.sqrt(cost / (2 * mtbf));
  return Math.sqrt(2 * cost * mtbf) * (1 + x / 3 + (x * x) / 9) - cost;
};

/**
 * M e^(R/M) (e^((T+C)/M) - 1) W / T: the time that work W takes, on average, with T of it between checkpoints of cost C,
 * recoveries of R, and failures at any time, on average every M (Daly 2006, equation 20).
 */
export const dalyWall = ({
  cost,
  mtbf,
  recovery,
  interval,
  work,
}: Hazard & { readonly recovery: number; readonly interval: number; readonly work: number }): number =>
  mtbf === Infinity
    ? work * (1 + cost / interval)
    : mtbf * Math.exp(recovery / mtbf) * Math.expm1((interval + cost) / mtbf) * (work / interval);

/** What an interval costs: the mean wall time of the lives played with it; infinite where one was given up. */
export interface Tried {
  readonly stepsBetween: number;
  readonly wall: number;
}

/** Lives of one course by their number: life n sees the same failures whatever the course. */
export type LivesOf = (course: Course) => readonly Life[];

/**
 * Every interval in strides of a half, then those near the best in finer ones, all against the same failures. Beyond
 * four times the mean time between failures nearly every stretch of work is lost, so that nothing is looked for there.
 */
export const sweepIntervals = (course: Course, mtbf: number, livesOf: LivesOf): readonly Tried[] => {
  const most = Math.max(1, Math.min(course.steps, Math.floor((4 * mtbf) / course.step)));
  const tried = new Map<number, Tried>();
  const tryAll = (intervals: readonly number[]): void => {
    for (const stepsBetween of intervals) if (!tried.has(stepsBetween)) tried.set(stepsBetween, attempt(stepsBetween));
  };
  const attempt = (stepsBetween: number): Tried => ({
    stepsBetween,
    wall: meanWall(livesOf({ ...course, stepsBetween })),
  });
  tryAll(stridesBetween({ from: 1, to: most, by: 1.5 }));
  for (const by of [1.15, 1.05]) {
    const { stepsBetween: best } = bestOf([...tried.values()]);
    tryAll(stridesBetween({ from: Math.max(1, best / by ** 3), to: Math.min(most, best * by ** 3), by }));
  }
  return [...tried.values()].toSorted((a, b) => a.stepsBetween - b.stepsBetween);
};

/** The shortest time; of equals the longest interval, which writes least. */
export const bestOf = (tried: readonly Tried[]): Tried =>
  tried.reduce((best, one) =>
    one.wall < best.wall || (one.wall === best.wall && one.stepsBetween > best.stepsBetween) ? one : best,
  );

const meanWall = (lives: readonly Life[]): number =>
  lives.reduce((sum, { isFinished, wall }) => sum + (isFinished ? wall : Infinity), 0) / lives.length;

const stridesBetween = ({ from, to, by }: { readonly from: number; readonly to: number; readonly by: number }) => {
  const intervals = new Set([Math.round(to)]);
  for (let interval = from; interval < to; interval *= by) intervals.add(Math.round(interval));
  return [...intervals];
};
