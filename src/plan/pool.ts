/** Threads for a search: `cli/` hands one in, so that `plan/` need not know how threads are made. */
import type { SearchResult, SearchTask } from './task.ts';

export interface Pool {
  readonly size: number;
  run(task: SearchTask): Promise<SearchResult>;
}
