/** `angel-sim validate`: how far the predictions are from what real clusters did. */
import type { Command } from 'commander';
import { crossPredictionJson, crossPredictionText } from '../report/cross-prediction.ts';
import { jsonText } from '../report/json.ts';
import { validationJson } from '../report/validation-json.ts';
import { validationText } from '../report/validation-text.ts';
import { crossPredictions } from '../validate/cross-prediction.ts';
import { validate } from '../validate/validate.ts';
import { paintFor } from './colours.ts';
import { EXIT, Refusal } from './exit.ts';
import { readInput, shippedClusters } from './files.ts';
import type { Io } from './io.ts';
import { packageFile } from './package-folder.ts';
import { complain } from './question.ts';
import { wholeNumber } from './whole-number.ts';

const ROWS_BYTES_MAX = 2 ** 27;

interface ValidateOptions {
  readonly json?: boolean;
  readonly worst?: number;
  readonly reliability?: boolean;
}

export const define = (command: Command, io: Io, end: (code: number) => void): void => {
  command
    .argument('[ROWS.jsonl]', 'measured runs, one a line; those shipped with angel-sim when left out')
    .option('--worst <n>', 'list only the rows with the largest errors; 0: none', wholeNumber(0))
    .option('--reliability', 'failure rates of each published source against what the others saw')
    .option('--json', 'print every row and the summaries as JSON')
    .action((file: string | undefined, options: ValidateOptions) => end(validateRows(file, options, io)));
};

const validateRows = (given: string | undefined, options: ValidateOptions, io: Io): number => {
  const { json, worst } = options;
  if (options.reliability === true) return validateReliability(given, options, io);
  const file = given ?? packageFile('scenarios/validation/rows.jsonl');
  const answer = validate(readInput(file, io, ROWS_BYTES_MAX), file, shippedClusters(io));
  if (answer.kind === 'complaints') throw complain(answer.complaints, { name: file, verb: 'validated' });
  io.stdout.write(
    json === true
      ? jsonText(validationJson(answer))
      : validationText(answer, { worst: worst ?? null, paint: paintFor(io) }),
  );
  return EXIT.ok;
};

const validateReliability = (given: string | undefined, { json, worst }: ValidateOptions, io: Io): number => {
  const other = given ?? (worst === undefined ? undefined : '--worst');
  if (other !== undefined)
    throw new Refusal(EXIT.usage, `error: --reliability reads no rows: ${other} says nothing there; wanted it alone`);
  const answer = crossPredictions();
  io.stdout.write(json === true ? jsonText(crossPredictionJson(answer)) : crossPredictionText(answer, paintFor(io)));
  return EXIT.ok;
};
