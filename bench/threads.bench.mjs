/** The same surveys on one thread and on two: what a second core brings. */
import { SearchPool } from '../dist/cli/search-pool.js';
import { DEEPSEEK, spaceOf, surveysOf } from './spaces.mjs';

const space = spaceOf(DEEPSEEK);
const tasks = surveysOf(space);
const pools = [1, 2].map((size) => new SearchPool(size));
const survey = (pool) => async () => {
  const results = await Promise.all(tasks.map((task) => pool.run(task)));
  return results.reduce((sum, { considered }) => sum + considered, 0);
};
/** Threads of a pool keep their profiles: the first surveys make them. */
for (const pool of pools) for (let round = 0; round < 2; round++) await survey(pool)();

export const bench = {
  subject: 'threads',
  item: 'verdict',
  figure: 'rate',
  rounds: 2,
  cases: Object.fromEntries(pools.map((pool) => [`${pool.size}, DeepSeek-V3, 2,048 H800`, survey(pool)])),
  end: async () => {
    for (const pool of pools) await pool.close();
  },
};
