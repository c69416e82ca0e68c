/** Cuts a search's work among threads; results come back in order, whichever thread is done first. */
import type { ProfileCache } from '../sim/profile.ts';
import { profileCache } from '../sim/profile.ts';
import type { Point } from './enumerate.ts';
import type { Pool } from './pool.ts';
import type { Looked, SearchTask } from './task.ts';
import { runTask } from './task.ts';

export class Crew {
  readonly #pool: Pool | null;
  /** For work done on this thread; threads of a pool keep their own. */
  readonly #cache: ProfileCache = profileCache();

  constructor(pool: Pool | null) {
    this.#pool = pool;
  }

  async run(task: SearchTask): Promise<readonly (Looked & { readonly point: Point })[]> {
    const looked = await this.#looked(task);
    return looked.map((one, index) => ({ ...one, point: task.points[index]! }));
  }

  async #looked(task: SearchTask): Promise<readonly Looked[]> {
    const pool = this.#pool;
    if (pool === null) return runTask(task, this.#cache);
    const share = Math.ceil(task.points.length / pool.size);
    const parts = Array.from({ length: Math.ceil(task.points.length / share) }, (_, index) =>
      pool.run({ ...task, points: task.points.slice(index * share, (index + 1) * share) }),
    );
    return (await Promise.all(parts)).flat();
  }
}
