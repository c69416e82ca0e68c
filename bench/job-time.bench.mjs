/** Lives of 54 days on 16,384 cards: how many a second, by how a checkpoint is taken, and swept for the best interval. */
import { performance } from 'node:perf_hooks';
import { sweepIntervals } from '../dist/sim/job-time/interval.js';
import { livesOf } from '../dist/sim/job-time/set-out.js';

/** Llama 3's failures a day (arXiv 2407.21783, table 5). */
const LOT = {
  daily: { card: 268 / 54, node: 53 / 54, fabric: 35 / 54, software: 63 / 54 },
  shape: 1,
  seed: 1,
  count: 100,
};
const DAY = 86_400_000;
const MTBF = (54 * DAY) / 419;

const course = (saving, nodes = {}) => ({
  steps: (54 * DAY) / 4500,
  step: 4500,
  stepsBetween: 100,
  saving: { blocks: 500, drains: 2600, storageEvery: 1, copies: null, ...saving },
  recovery: { detection: 300_000, restart: 600_000, swap: 120_000 },
  nodes: { spares: 21, repair: DAY, count: 2048, perReplica: 16, replicas: 128, withoutSpare: 'wait', ...nodes },
});
const COURSES = {
  async: course({}),
  sync: course({ blocks: 2600, drains: 0 }),
  'two-stage': course({ storageEvery: 10, copies: 'neighbour' }),
  shrinking: course({}, { spares: 0, withoutSpare: 'shrink' }),
};

const lives = (one) => () => livesOf(one, LOT).length;

/** What the question costs, once and cold: a hundred lives at an interval found by sweep. */
const start = performance.now();
sweepIntervals(COURSES.async, MTBF, (one) => livesOf(one, { ...LOT, count: 32 }));
const swept = performance.now();
livesOf(COURSES.async, LOT);
const end = performance.now();
console.log(
  `job time: 100 lives of 54 days on 16,384 cards in ${(end - swept).toFixed(0)} ms, the sweep before them in ${(swept - start).toFixed(0)} ms`,
);

export const bench = {
  subject: 'job time',
  item: 'run',
  figure: 'rate',
  cases: Object.fromEntries(Object.entries(COURSES).map(([name, one]) => [name, lives(one)])),
};
