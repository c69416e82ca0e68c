/** `angel-sim plan`: search the free axes of a scenario, obey the fixed ones, and say what is best and why. */
import { setImmediate } from 'node:timers/promises';
import type { Command } from 'commander';
import type { JobOutlook } from '../plan/job-outlook.ts';
import { jobOutlook } from '../plan/job-outlook.ts';
import type { Answer, Plan } from '../plan/plan.ts';
import { isCalm } from '../scenario/conditions.ts';
import { search } from '../plan/search.ts';
import { searchSweep } from '../plan/sweep.ts';
import { searchTarget } from '../plan/target.ts';
import { searchWhyNot } from '../plan/why-not.ts';
import { jsonText } from '../report/json.ts';
import { planJson } from '../report/plan-json.ts';
import { infeasibleText, planText, unfinishedText } from '../report/plan-text.ts';
import { sweepJson, sweepText } from '../report/sweep.ts';
import { targetedJson, targetedText } from '../report/target.ts';
import { whyNotJson, whyNotText } from '../report/why-not.ts';
import { paintFor } from './colours.ts';
import { EXIT, Refusal } from './exit.ts';
import { shippedBands } from './files.ts';
import { fixedAxes, simulateFixed } from './fixed-layout.ts';
import type { Io } from './io.ts';
import { define as defineDiff } from './plan-diff.ts';
import { define as defineMaxModel } from './plan-max-model.ts';
import { define as defineMinGpus } from './plan-min-gpus.ts';
import { defineQuestion, questionText, readQuestion } from './question.ts';
import type { AnswerOptions } from './searching.ts';
import { defineAnswer, searching, textOptions } from './searching.ts';
import { sweepOf, sweptScenarios } from './sweep.ts';
import { collectTargets, requireTarget, targetOf } from './target.ts';
import { wholeNumber } from './whole-number.ts';

interface PlanOptions extends AnswerOptions {
  readonly explain?: string;
  readonly target?: readonly string[];
  readonly sweep?: string;
  readonly whyNot?: string;
  readonly top: number;
}
const TOP = 3;

export const define = (command: Command, io: Io, end: (code: number) => void): void => {
  // What stands behind the name of a sub-command is for that sub-command.
  defineAnswer(defineQuestion(command.enablePositionalOptions()))
    .option('--explain <axes>', 'one layout term by term, such as tp=8,pp=16')
    .option('--target <what>', 'the cheapest plan within days=30, the fastest within usd=5M', collectTargets)
    .option(
      '--sweep <key=values>',
      'a search a value: devices=512..16384:x2, seq=4096..16384:x2, cluster.nic=200Gbps,400Gbps',
    )
    .option('--why-not <axes>', 'what became of the layouts with tp=4,pp=2')
    .option('--top <n>', 'runners-up to list', wholeNumber(0), TOP)
    .addHelpText('after', EXAMPLES)
    .action(async (file: string | undefined, options: PlanOptions) => end(await plan(file, options, io)));
  defineMinGpus(command.command('min-gpus').description('the fewest devices that will do'), io, end);
  defineMaxModel(command.command('max-model').description('the largest model that trains there'), io, end);
  defineDiff(command.command('diff').description('what lies between two saved answers'), io, end);
};

const EXAMPLES = `
Examples:
  angel-sim plan run.yaml
  angel-sim plan run.yaml --devices 512,1024,2048 --target days=30
  angel-sim plan run.yaml --sweep devices=512..16384:x2
  angel-sim plan run.yaml --why-not tp=4,pp=2
  angel-sim plan min-gpus --model llama-3-8b --cluster h100-sxm --seq 8192 --gbs 512
  angel-sim plan max-model --cluster h100-sxm --devices 64 --like llama-3-8b
  angel-sim plan diff before.json after.json`;

const plan = async (file: string | undefined, options: PlanOptions, io: Io): Promise<number> => {
  const questions = [options.explain, options.target, options.sweep, options.whyNot];
  if (questions.filter((asked) => asked !== undefined).length > 1)
    throw new Refusal(
      EXIT.usage,
      'error: --explain, --target, --sweep and --why-not are questions of their own; wanted one',
    );
  // Mistakes in them come before anything is read.
  const axes = options.explain === undefined ? null : fixedAxes(options.explain);
  const fixed = options.whyNot === undefined ? null : fixedAxes(options.whyNot, '--why-not');
  const target = options.target === undefined ? null : targetOf(options.target);
  const sweep = options.sweep === undefined ? null : sweepOf(options.sweep);
  if (options.printScenario === true) {
    io.stdout.write(questionText(file, options, io));
    return EXIT.ok;
  }
  if (sweep !== null) return planSweep(file, { sweep, options, io });
  const scenario = readQuestion(file, { options, verb: 'planned', io });
  if (axes !== null) return simulateFixed(scenario, { axes, fidelity: null, options, io });
  if (!isCalm(scenario.conditions)) io.stderr.write(`${PLAYED_LATER}\n`);
  if (target !== null) return planTarget(scenario, { target, options, io });
  return fixed === null ? planBest(scenario, { options, io }) : planWhyNot(scenario, { fixed, options, io });
};

const PLAYED_LATER =
  'note: conditions do not enter the search; --explain, and angel-sim simulate, play them on one layout';

interface Asked {
  readonly options: PlanOptions;
  readonly io: Io;
}
type Question = ReturnType<typeof readQuestion>;

const planBest = async (scenario: Question, { options, io }: Asked): Promise<number> => {
  const { workers } = options;
  const { answer, isInterrupted } = await searching((how) => search(scenario, how), { scenario, workers, io });
  io.stdout.write(printed(answer, options, io));
  if (isInterrupted) return EXIT.interrupted;
  return answer.kind === 'plan' ? EXIT.ok : EXIT.infeasible;
};

const printed = (answer: Answer, { json, top, sources }: PlanOptions, io: Io): string => {
  const bands = shippedBands();
  const life = answer.kind === 'plan' ? lifeOf(answer) : null;
  if (json === true) return jsonText(planJson(answer, bands, life));
  const paint = paintFor(io);
  switch (answer.kind) {
    case 'plan':
      return planText(answer, { bands, paint, top, life, sources: sources === true });
    case 'infeasible':
      return infeasibleText(answer, paint);
    case 'unfinished':
      return unfinishedText(answer, paint);
    default:
      return answer satisfies never;
  }
};

/** Whoever says nothing of failures asks for none. */
const lifeOf = ({ scenario, winner }: Plan): JobOutlook | null =>
  scenario.reliability === null ? null : jobOutlook(winner, scenario.reliability);

const planTarget = async (
  scenario: Question,
  { target, options, io }: Asked & { readonly target: ReturnType<typeof targetOf> },
): Promise<number> => {
  requireTarget(scenario, target);
  const { workers } = options;
  const { answer, isInterrupted } = await searching((how) => searchTarget(scenario, target, how), {
    scenario,
    workers,
    io,
  });
  const text = textOptions(options, io);
  io.stdout.write(options.json === true ? jsonText(targetedJson(answer, text.bands)) : targetedText(answer, text));
  if (isInterrupted) return EXIT.interrupted;
  return answer.isMet ? EXIT.ok : EXIT.infeasible;
};

const planSweep = async (
  file: string | undefined,
  { sweep, options, io }: Asked & { readonly sweep: ReturnType<typeof sweepOf> },
): Promise<number> => {
  const { workers } = options;
  const values = sweptScenarios(file, sweep, { options, io });
  const title = values.flatMap(({ scenario }) => ('refusal' in scenario ? [] : [scenario.title]))[0] ?? sweep.key;
  const { answer, isInterrupted } = await searching((how) => searchSweep(sweep.key, { values, options: how }), {
    scenario: null,
    workers,
    io,
  });
  io.stdout.write(options.json === true ? jsonText(sweepJson(answer, title)) : sweepText(answer, title, paintFor(io)));
  if (isInterrupted) return EXIT.interrupted;
  return answer.rows.some(({ efficiency }) => efficiency !== null) ? EXIT.ok : EXIT.infeasible;
};

const planWhyNot = async (
  scenario: Question,
  { fixed, options, io }: Asked & { readonly fixed: ReturnType<typeof fixedAxes> },
): Promise<number> => {
  const { workers } = options;
  const { answer, isInterrupted } = await searching(
    (how) => searchWhyNot(scenario, fixed, { ...how, pause: () => setImmediate() }),
    { scenario, workers, io },
  );
  io.stdout.write(options.json === true ? jsonText(whyNotJson(answer)) : whyNotText(answer, paintFor(io)));
  return isInterrupted ? EXIT.interrupted : EXIT.ok;
};
