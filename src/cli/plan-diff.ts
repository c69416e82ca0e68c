/** `angel-sim plan diff`: what lies between two saved answers, term by term. */
import type { Command } from 'commander';
import type { Side } from '../plan/difference.ts';
import { differenceOf } from '../plan/difference.ts';
import { differenceJson, differenceText } from '../report/difference.ts';
import { jsonText } from '../report/json.ts';
import { readAnswer } from '../report/saved-answer.ts';
import { paintFor } from './colours.ts';
import { EXIT, Refusal } from './exit.ts';
import { readInput } from './files.ts';
import type { Io } from './io.ts';

export const define = (command: Command, io: Io, end: (code: number) => void): void => {
  command
    .argument('<before.json>', 'what angel-sim plan --json or simulate --json printed')
    .argument('<after.json>', 'another such answer')
    .option('--json', 'print the difference as JSON')
    .addHelpText(
      'after',
      '\nExample:\n  angel-sim plan run.yaml --json > a.json\n  angel-sim plan run.yaml --precision fp8-delayed --json > b.json' +
        '\n  angel-sim plan diff a.json b.json',
    )
    .action((before: string, after: string, { json }: { readonly json?: boolean }) => {
      const difference = differenceOf(sideIn(before, io), sideIn(after, io));
      const names = { before, after };
      io.stdout.write(
        json === true ? jsonText(differenceJson(difference, names)) : differenceText(difference, names, paintFor(io)),
      );
      end(EXIT.ok);
    });
};

/** Stages of a thousand-stage pipeline make an answer long. */
const ANSWER_BYTES_MAX = 2 ** 26;

const sideIn = (file: string, io: Io): Side => {
  const reading = readAnswer(readInput(file, io, ANSWER_BYTES_MAX));
  if (reading.kind === 'side') return reading.side;
  throw new Refusal(EXIT.badInput, `${file}: ${reading.reason}`);
};
