/** How many layouts get a verdict in a second (rules, memory and the sketch), by space, on one thread. */
import { runTask } from '../dist/plan/task.js';
import { DEEPSEEK, GPT3, GPT3_WHOLE, spaceOf, surveysOf } from './spaces.mjs';

/** Caches are warm, as they are after the first grids of a search. */
const survey = (text) => {
  const space = spaceOf(text);
  const tasks = surveysOf(space);
  for (const task of tasks) runTask(task, space.cache);
  console.error(`${space.count} of ${space.total} layouts surveyed a round`);
  return () => tasks.reduce((sum, task) => sum + runTask(task, space.cache).considered, 0);
};

export const bench = {
  subject: 'search',
  item: 'verdict',
  figure: 'rate',
  rounds: 3,
  cases: {
    'GPT-3 175B, 1,024 A100': survey(GPT3),
    'GPT-3 175B, 4,096 A100, whole': survey(GPT3_WHOLE),
    'DeepSeek-V3, 2,048 H800': survey(DEEPSEEK),
  },
};
