/** `angel-sim job`: the best layout's run from its first token to its last, with failures, recoveries and checkpoints. */
import type { Command } from 'commander';
import type { JobOutlook } from '../plan/job-outlook.ts';
import { jobOutlook } from '../plan/job-outlook.ts';
import type { Answer } from '../plan/plan.ts';
import { search } from '../plan/search.ts';
import { jobText } from '../report/job-time.ts';
import { jobTimeJson } from '../report/job-time-json.ts';
import { jsonText } from '../report/json.ts';
import { infeasibleText, unfinishedText } from '../report/plan-text.ts';
import type { Scenario } from '../scenario/scenario.ts';
import { paintFor } from './colours.ts';
import { EXIT, Refusal } from './exit.ts';
import type { Io } from './io.ts';
import { defineQuestion, questionText, readQuestion } from './question.ts';
import type { AnswerOptions } from './searching.ts';
import { defineAnswer, searching, textOptions } from './searching.ts';

export const define = (command: Command, io: Io, end: (code: number) => void): void => {
  defineAnswer(defineQuestion(command))
    .addHelpText(
      'after',
      '\nFailures, recoveries and checkpoints are the scenario key reliability. Examples:' +
        '\n  angel-sim job scenarios/runs/llama-3.1-405b-on-16384-h100.yaml' +
        '\n  angel-sim job run.yaml --set reliability.checkpoint.every=30min --set reliability.spares=16',
    )
    .action(async (file: string | undefined, options: AnswerOptions) => end(await job(file, options, io)));
};

const job = async (file: string | undefined, options: AnswerOptions, io: Io): Promise<number> => {
  if (options.printScenario === true) {
    io.stdout.write(questionText(file, options, io));
    return EXIT.ok;
  }
  const scenario = readQuestion(file, { options, verb: 'simulated', io });
  requireTokens(scenario);
  const { answer, isInterrupted } = await searching((how) => search(scenario, how), {
    scenario,
    workers: options.workers,
    io,
  });
  const outlook = answer.kind === 'plan' ? jobOutlook(answer.winner, scenario.reliability) : null;
  if (outlook === null) {
    io.stderr.write(withoutPlan(answer, io));
    return isInterrupted ? EXIT.interrupted : EXIT.infeasible;
  }
  io.stdout.write(printed(outlook, scenario, { options, io }));
  if (isInterrupted) return EXIT.interrupted;
  return outlook.unfinished < outlook.seeds ? EXIT.ok : EXIT.infeasible;
};

/** A run without an end has no days. */
const requireTokens = ({ workload }: Scenario): void => {
  if (workload.tokens === null)
    throw new Refusal(
      EXIT.badInput,
      'workload.tokens is missing: the life of a job wants the tokens of the whole run, such as --tokens 300B; ' +
        'nothing was simulated.',
    );
};

const withoutPlan = (answer: Answer, io: Io): string => {
  if (answer.kind === 'infeasible') return infeasibleText(answer, paintFor(io));
  if (answer.kind === 'unfinished') return unfinishedText(answer, paintFor(io));
  throw new RangeError('a plan with tokens has an outlook');
};

const printed = (
  outlook: JobOutlook,
  { title }: Scenario,
  { options, io }: { readonly options: AnswerOptions; readonly io: Io },
): string => {
  if (options.json === true) return jsonText(jobTimeJson(outlook, title));
  const { bands, paint, sources } = textOptions(options, io);
  return jobText(outlook, { title, bands, paint, sources });
};
