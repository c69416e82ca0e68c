/** One thread of a search: piscina calls `runTask` with each task and posts the result back. */
import type { SearchResult, SearchTask } from '../plan/task.ts';
import { runTask as runTaskWith } from '../plan/task.ts';
import type { ProfileCache } from '../sim/cache.ts';
import { profileCache } from '../sim/cache.ts';

/** Profiles live as long as the thread, and the question they belong to. */
const known: { question: string; cache: ProfileCache } = { question: '', cache: profileCache() };

export const runTask = (task: SearchTask): SearchResult => {
  const { model, cluster, workload, software } = task.scenario;
  const question = JSON.stringify([model, cluster, workload, software]);
  if (question !== known.question) Object.assign(known, { question, cache: profileCache() });
  return runTaskWith(task, known.cache);
};
