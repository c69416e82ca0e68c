/** What every search of the command line shares: threads, the line of progress, and an interrupt that keeps what was found. */
import { availableParallelism } from 'node:os';
import type { Command } from 'commander';
import { Subject } from 'rxjs';
import type { SearchOptions } from '../plan/findings.ts';
import type { Progress } from '../plan/progress.ts';
import type { AnswerTextOptions } from '../report/target.ts';
import type { Cluster } from '../scenario/cluster.ts';
import type { Scenario } from '../scenario/scenario.ts';
import { paintFor } from './colours.ts';
import { EXIT } from './exit.ts';
import { catalogueClusters, shippedBands } from './files.ts';
import { inlinePool } from './inline-pool.ts';
import type { Io } from './io.ts';
import { isWatched } from './io.ts';
import { showProgress } from './progress-line.ts';
import type { QuestionOptions } from './question.ts';
import { SearchPool } from './search-pool.ts';
import { wholeNumber } from './whole-number.ts';

export interface AnswerOptions extends QuestionOptions {
  readonly json?: boolean;
  readonly sources?: boolean;
  readonly workers: number;
}

/** Threads beyond the cores only take time to start. */
const WORKERS_MAX = Math.max(64, availableParallelism());

export const defineAnswer = (command: Command): Command =>
  command
    .option('--workers <n>', 'threads of the search', wholeNumber(1, WORKERS_MAX), availableParallelism())
    .option('--sources', 'list every figure behind the prediction with its source')
    .option('--json', 'print the whole answer as JSON');

/** How an answer is printed for people. */
export const textOptions = ({ sources }: AnswerOptions, io: Io): AnswerTextOptions => ({
  bands: shippedBands(),
  paint: paintFor(io),
  sources: sources === true,
});

export interface Searched<T> {
  readonly answer: T;
  readonly isInterrupted: boolean;
}

/** The first interrupt asks the search to stop with what it has; the second one ends the process. */
export const searching = async <T>(
  search: (options: SearchOptions) => Promise<T>,
  { scenario, workers, io }: { readonly scenario: Scenario | null; readonly workers: number; readonly io: Io },
): Promise<Searched<T>> => {
  let isInterrupted = false;
  // Reading the whole catalogue takes longer than many a search, and only a job that does not fit asks for it.
  let alternatives: readonly Cluster[] | null = null;
  const stopListening = io.onInterrupt(() => {
    if (isInterrupted) io.halt(EXIT.interrupted);
    isInterrupted = true;
  });
  const progress = new Subject<Progress>();
  const line = isWatched(io) ? showProgress(progress, io.stderr) : null;
  const threads = workers > 1 ? new SearchPool(workers) : null;
  try {
    const answer = await search({
      pool: threads ?? inlinePool,
      onProgress: (state) => progress.next(state),
      isInterrupted: () => isInterrupted,
      get alternatives() {
        return (alternatives ??= alternativesTo(scenario, io));
      },
    });
    return { answer, isInterrupted };
  } finally {
    line?.unsubscribe();
    stopListening();
    await threads?.close();
  }
};

/** The clusters of the catalogue that a job may be moved to when it does not fit. */
const alternativesTo = (scenario: Scenario | null, io: Io): readonly Cluster[] =>
  catalogueClusters(io).filter(({ name }) => name !== scenario?.cluster.name);
