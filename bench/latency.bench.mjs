/** What a message costs that carries next to nothing: there and back, by how ranks wait; and the start of a crew of threads. */
import { availableParallelism } from 'node:os';
import { bestRoundOf } from './crew.mjs';

/** One of them alone is too short for the clock. */
const TIMES = 100;
const pingPong = (rounds, settings) => async () => ({
  items: TIMES,
  nanoseconds: await bestRoundOf({ kind: 'ping-pong', rounds, times: TIMES }, 2, settings),
});
/** From the launch to the end of all threads, with a single round to play. */
const start = (ranks) => async () => {
  await bestRoundOf({ kind: 'all-reduce', elements: 1, rounds: 1 }, ranks);
  return 1;
};

const cores = availableParallelism();
export const bench = {
  subject: 'latency',
  item: 'round',
  figure: 'cost',
  rounds: 5,
  cases: {
    'there and back, spinning': pingPong(200, { spins: 20_000 }),
    'there and back, asleep': pingPong(40, { spins: 0 }),
    [`crew of ${cores}, launched and ended`]: start(cores),
    [`crew of ${4 * cores}, launched and ended`]: start(4 * cores),
  },
};
