/** The threads of a search: `plan/` cuts the work into tasks, piscina runs them beside each other. */
import { Piscina } from 'piscina';
import type { Pool } from '../plan/pool.ts';
import type { SearchResult, SearchTask } from '../plan/task.ts';

export class SearchPool implements Pool {
  readonly size: number;
  readonly #piscina: Piscina<SearchTask, SearchResult>;

  constructor(size: number) {
    this.size = size;
    // The file has the ending that this one has: .js when built.
    const filename = new URL(
      `./search-worker${import.meta.url.slice(import.meta.url.lastIndexOf('.'))}`,
      import.meta.url,
    );
    this.#piscina = new Piscina({ filename: filename.href, name: 'runTask', minThreads: size, maxThreads: size });
  }

  run(task: SearchTask): Promise<SearchResult> {
    return this.#piscina.run(task);
  }

  /** Ends the threads, at work or not: after this the process can end. */
  async close(): Promise<void> {
    await this.#piscina.destroy();
  }
}
