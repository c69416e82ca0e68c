/** `angel-sim plan min-gpus`: the fewest devices that will do, with the plan for them. */
import type { Command } from 'commander';
import { searchFewest } from '../plan/fewest-devices.ts';
import { fewestJson, fewestText } from '../report/fewest-devices.ts';
import { jsonText } from '../report/json.ts';
import { EXIT, Refusal } from './exit.ts';
import type { Io } from './io.ts';
import { defineQuestion, questionText, readQuestion, withKey } from './question.ts';
import type { AnswerOptions } from './searching.ts';
import { defineAnswer, searching, textOptions } from './searching.ts';
import { collectTargets, requireTarget, targetOf } from './target.ts';
import { wholeNumber } from './whole-number.ts';

interface MinGpusOptions extends AnswerOptions {
  readonly target?: readonly string[];
  readonly most: number;
}
const MOST = 65_536;

export const define = (command: Command, io: Io, end: (code: number) => void): void => {
  defineAnswer(defineQuestion(command))
    .option('--target <what>', 'to be done within days=30, for at most usd=5M', collectTargets)
    .option('--most <n>', 'devices to try at most', wholeNumber(2, 1_000_000), MOST)
    .addHelpText('after', '\nExample:\n  angel-sim plan min-gpus run.yaml --target days=30')
    .action(async (file: string | undefined, options: MinGpusOptions) => end(await minGpus(file, options, io)));
};

const minGpus = async (file: string | undefined, options: MinGpusOptions, io: Io): Promise<number> => {
  if (options['devices'] !== undefined || options['gpus'] !== undefined)
    throw new Refusal(EXIT.usage, 'error: min-gpus looks for the devices itself; --most says how many to try at most');
  const target = options.target === undefined ? null : targetOf(options.target);
  // What a file says of devices is what is asked here: a list contradicts no layout.
  const asked = withKey(options, 'devices', `1,${options.most}`);
  if (options.printScenario === true) {
    io.stdout.write(questionText(file, asked, io));
    return EXIT.ok;
  }
  const scenario = readQuestion(file, { options: asked, verb: 'planned', io });
  if (target !== null) requireTarget(scenario, target);
  const { most, workers } = options;
  const { answer, isInterrupted } = await searching((how) => searchFewest({ scenario, target, most }, how), {
    scenario,
    workers,
    io,
  });
  const text = textOptions(options, io);
  io.stdout.write(options.json === true ? jsonText(fewestJson(answer, text.bands)) : fewestText(answer, text));
  if (isInterrupted) return EXIT.interrupted;
  return answer.fewest === null ? EXIT.infeasible : EXIT.ok;
};
