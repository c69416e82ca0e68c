/** `angel-sim plan`: search the free axes of a scenario, obey the fixed ones, and say what is best and why. */
import { availableParallelism } from 'node:os';
import type { Command } from 'commander';
import { Subject } from 'rxjs';
import type { Answer } from '../plan/plan.ts';
import type { Progress } from '../plan/progress.ts';
import { search } from '../plan/search.ts';
import { jsonText } from '../report/json.ts';
import { planJson } from '../report/plan-json.ts';
import { infeasibleText, planText, unfinishedText } from '../report/plan-text.ts';
import type { Cluster } from '../scenario/cluster.ts';
import type { Scenario } from '../scenario/scenario.ts';
import { paintFor } from './colours.ts';
import { EXIT } from './exit.ts';
import type { Io } from './io.ts';
import { inlinePool } from './inline-pool.ts';
import { isWatched } from './io.ts';
import { catalogueClusters, shippedBands } from './files.ts';
import { fixedAxes, simulateFixed } from './fixed-layout.ts';
import { showProgress } from './progress-line.ts';
import type { QuestionOptions } from './question.ts';
import { defineQuestion, questionText, readQuestion } from './question.ts';
import { SearchPool } from './search-pool.ts';
import { wholeNumber } from './whole-number.ts';

interface PlanOptions extends QuestionOptions {
  readonly json?: boolean;
  readonly sources?: boolean;
  readonly explain?: string;
  readonly workers: number;
  readonly top: number;
}
const TOP = 3;
/** Threads beyond the cores only take time to start. */
const WORKERS_MAX = Math.max(64, availableParallelism());

export const define = (command: Command, io: Io, end: (code: number) => void): void => {
  defineQuestion(command)
    .option('--explain <axes>', 'one layout term by term, such as tp=8,pp=16')
    .option('--top <n>', 'runners-up to list', wholeNumber(0), TOP)
    .option('--workers <n>', 'threads of the search', wholeNumber(1, WORKERS_MAX), availableParallelism())
    .option('--sources', 'list every figure behind the prediction with its source')
    .option('--json', 'print the whole answer as JSON')
    .action(async (file: string | undefined, options: PlanOptions) => end(await plan(file, options, io)));
};

const plan = async (file: string | undefined, options: PlanOptions, io: Io): Promise<number> => {
  const axes = options.explain === undefined ? null : fixedAxes(options.explain);
  if (options.printScenario === true) {
    io.stdout.write(questionText(file, options, io));
    return EXIT.ok;
  }
  const scenario = readQuestion(file, { options, verb: 'planned', io });
  if (axes !== null) return simulateFixed(scenario, { axes, fidelity: 'folded', options, io });
  const { answer, isInterrupted } = await searched(scenario, options.workers, io);
  io.stdout.write(printed(answer, options, io));
  if (isInterrupted) return EXIT.interrupted;
  return answer.kind === 'plan' ? EXIT.ok : EXIT.infeasible;
};

const printed = (answer: Answer, { json, top, sources }: PlanOptions, io: Io): string => {
  const bands = shippedBands();
  if (json === true) return jsonText(planJson(answer, bands));
  const paint = paintFor(io);
  switch (answer.kind) {
    case 'plan':
      return planText(answer, { bands, paint, top, sources: sources === true });
    case 'infeasible':
      return infeasibleText(answer, paint);
    case 'unfinished':
      return unfinishedText(answer, paint);
    default:
      return answer satisfies never;
  }
};

interface Searched {
  readonly answer: Answer;
  readonly isInterrupted: boolean;
}

/** The first interrupt asks the search to stop with what it has; the second one ends the process. */
const searched = async (scenario: Scenario, workers: number, io: Io): Promise<Searched> => {
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
    const answer = await search(scenario, {
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
const alternativesTo = (scenario: Scenario, io: Io): readonly Cluster[] =>
  catalogueClusters(io).filter(({ name }) => name !== scenario.cluster.name);
