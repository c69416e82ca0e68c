/** `angel-sim plan max-model`: the largest model of a family that trains on given devices. */
import type { Command } from 'commander';
import { searchLargest } from '../plan/largest-model.ts';
import { jsonText } from '../report/json.ts';
import { largestJson, largestText } from '../report/largest-model.ts';
import { EXIT, Refusal } from './exit.ts';
import type { Io } from './io.ts';
import type { QuestionOptions } from './question.ts';
import { defineQuestion, questionText, readQuestion } from './question.ts';
import type { AnswerOptions } from './searching.ts';
import { defineAnswer, searching, textOptions } from './searching.ts';

interface MaxModelOptions extends AnswerOptions {
  readonly like?: string;
}

export const define = (command: Command, io: Io, end: (code: number) => void): void => {
  defineAnswer(defineQuestion(command))
    .option('--like <name>', `the model whose family is meant, as --model; without a file and a name ${FAMILY}`)
    .addHelpText(
      'after',
      `\nWithout a file --seq is ${SEQUENCE} and --gbs ${BATCH} unless they are given.` +
        '\nExample:\n  angel-sim plan max-model --cluster h100-sxm --devices 64 --like llama-3-8b --seq 8192 --gbs 256',
    )
    .action(async (file: string | undefined, options: MaxModelOptions) => end(await maxModel(file, options, io)));
};

const FAMILY = 'llama-3-8b';
const SEQUENCE = '4096';
const BATCH = '1024';

/** Only a question that stands in no file gets what it leaves out. */
const whole = (file: string | undefined, { like, ...options }: MaxModelOptions): QuestionOptions => {
  if (like !== undefined && (options['model'] !== undefined || options['hf'] !== undefined))
    throw new Refusal(
      EXIT.usage,
      `error: --like ${like} and ${options['model'] === undefined ? '--hf' : '--model'} both name the model; wanted one`,
    );
  const named = like === undefined ? options : { ...options, model: like };
  if (file !== undefined) return named;
  const model = named['model'] ?? (named['hf'] === undefined ? FAMILY : undefined);
  return { seq: SEQUENCE, gbs: BATCH, ...named, ...(model === undefined ? {} : { model }) };
};

const maxModel = async (file: string | undefined, options: MaxModelOptions, io: Io): Promise<number> => {
  const asked = whole(file, options);
  if (options.printScenario === true) {
    io.stdout.write(questionText(file, asked, io));
    return EXIT.ok;
  }
  const scenario = readQuestion(file, { options: asked, verb: 'planned', io });
  const { workers } = options;
  const { answer, isInterrupted } = await searching((how) => searchLargest(scenario, how), { scenario, workers, io });
  const text = textOptions(options, io);
  io.stdout.write(options.json === true ? jsonText(largestJson(answer, text.bands)) : largestText(answer, text));
  if (isInterrupted) return EXIT.interrupted;
  return answer.largest === null ? EXIT.infeasible : EXIT.ok;
};
