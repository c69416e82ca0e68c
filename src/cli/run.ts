/** `angel-sim run`: trains a model for real on this machine, with the actors that `plan` simulates. */
import type { Command } from 'commander';
import { whileFailing } from '../exec/checkpoint/folder.ts';
import { EXIT } from './exit.ts';
import type { Io } from './io.ts';
import { questionText, readPlaced } from './question.ts';
import { claimFolders } from './run-claim.ts';
import type { RunOptions } from './run-options.ts';
import { defineRun } from './run-options.ts';
import { setUp } from './run-setup.ts';
import { putFolderInOrder, whereToStart } from './run-start.ts';
import { trainAndTell } from './run-training.ts';

export const define = (command: Command, io: Io, end: (code: number) => void): void => {
  defineRun(command).action(async (file: string | undefined, options: RunOptions) => end(await run(file, options, io)));
};

/** All that can be refused is, before a file is touched or a thread is started. */
const run = async (file: string | undefined, options: RunOptions, io: Io): Promise<number> => {
  if (options.printScenario === true) {
    io.stdout.write(questionText(file, options, io));
    return EXIT.ok;
  }
  const placed = readPlaced(file, { options, verb: 'run', io });
  const setup = await setUp(placed, { file, options, io });
  const claim = claimFolders([setup.folder, ...(setup.saving === null ? [] : [setup.saving.folder])]);
  try {
    putFolderInOrder(setup);
    const start = whereToStart(setup, options, io);
    if (start.first <= setup.last) return await trainAndTell(setup, { start, options, io });
    io.stderr.write(`${start.what} is of step ${start.first - 1}, and the run ends with ${setup.last}.\n`);
    return EXIT.ok;
  } catch (error) {
    // A checkpoint that was begun and cannot be finished takes room that others may want.
    whileFailing(() => putFolderInOrder(setup));
    throw error;
  } finally {
    claim.release();
  }
};
