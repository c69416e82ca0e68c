/** Hands a search's tasks to threads; results come back in order, whichever thread is done first. */
import type { Scenario } from '../scenario/scenario.ts';
import type { ProfileCache } from '../sim/cache.ts';
import { profileCache } from '../sim/cache.ts';
import type { Grid, Point } from './enumerate.ts';
import type { Incumbent } from './front.ts';
import type { Pool } from './pool.ts';
import type { Looked, SearchResult, SearchTask, Surveyed } from './task.ts';
import { runTask } from './task.ts';

export class Crew {
  readonly #pool: Pool | null;
  /** For work done on this thread; threads of a pool keep their own. */
  readonly #cache: ProfileCache = profileCache();

  constructor(pool: Pool | null) {
    this.#pool = pool;
  }

  /** Every layout of the grids with its verdict, grid by grid. */
  async survey(
    scenario: Scenario,
    {
      grids,
      incumbents,
      isInterrupted,
    }: { grids: readonly Grid[]; incumbents: readonly Incumbent[]; isInterrupted: () => boolean },
  ): Promise<readonly (Surveyed | null)[]> {
    const one = async (grid: Grid): Promise<Surveyed | null> => {
      if (isInterrupted()) return null;
      const result = await this.#run({ kind: 'survey', scenario, grid, incumbents });
      return result.kind === 'survey' ? result : null;
    };
    return this.#inTurn(grids, one);
  }

  /** Every point simulated, in order. */
  async simulate(
    scenario: Scenario,
    points: readonly Point[],
  ): Promise<readonly (Looked & { readonly point: Point })[]> {
    const share = Math.ceil(points.length / this.#size);
    const parts = Array.from({ length: Math.ceil(points.length / share) }, (_, index) =>
      points.slice(index * share, (index + 1) * share),
    );
    const results = await this.#inTurn(parts, (part) => this.#run({ kind: 'simulation', scenario, points: part }));
    const looked = results.flatMap((result) => (result.kind === 'simulation' ? result.looked : []));
    return looked.map((one, index) => ({ ...one, point: points[index]! }));
  }

  get #size(): number {
    return this.#pool?.size ?? 1;
  }
  async #run(task: SearchTask): Promise<SearchResult> {
    return this.#pool === null ? runTask(task, this.#cache) : this.#pool.run(task);
  }

  /** As many at a time as there are threads, so that an interrupt is seen between two. */
  async #inTurn<Item, Result>(
    items: readonly Item[],
    run: (item: Item) => Promise<Result>,
  ): Promise<readonly Result[]> {
    const results: Result[] = [];
    let next = 0;
    const work = async (): Promise<void> => {
      for (let index = next++; index < items.length; index = next++) results[index] = await run(items[index]!);
    };
    await Promise.all(Array.from({ length: 2 * this.#size }, work));
    return results;
  }
}
