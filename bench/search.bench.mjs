/** How many layouts get a verdict in a second (rules, memory and the sketch), by space, on one thread. */
import { runTask } from '../dist/plan/task.js';
import { spaceOf, surveysOf } from './spaces.mjs';

const WHOLE = `
model: gpt3-175b
cluster: dgx-a100-80g
devices: 4096
workload: { kind: pretrain, sequence: 2048, globalBatch: 1536 }
search: whole
`;
const MIXTURE = `
model: deepseek-v3
cluster: h800-hcc
devices: 2048
workload: { kind: pretrain, sequence: 4096, globalBatch: 15360 }
precision: fp8-block
`;

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
    'GPT-3 175B, 1,024 A100': survey('gpt3-175b-on-1024-a100.yaml'),
    'GPT-3 175B, 4,096 A100, whole': survey(WHOLE),
    'DeepSeek-V3, 2,048 H800': survey(MIXTURE),
  },
};
