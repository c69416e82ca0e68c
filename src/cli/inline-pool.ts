/** A pool of no threads: the work is done here, but between tasks the process looks up and sees an interrupt. */
import { setImmediate } from 'node:timers/promises';
import type { Pool } from '../plan/pool.ts';
import type { SearchResult, SearchTask } from '../plan/task.ts';
import { runTask } from './search-worker.ts';

export const inlinePool: Pool = {
  size: 1,
  run: async (task: SearchTask): Promise<SearchResult> => {
    await setImmediate();
    return runTask(task);
  },
};
