/** One thread of a search: piscina calls `runTask` with each task and posts the result back. */
export { runTask } from '../plan/task.ts';
