/** `angel-sim compare`: the first steps of a job in both worlds, side by side. */
import { availableParallelism } from 'node:os';
import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import { loadNow } from '../exec/calibration/host.ts';
import type { KernelChoice } from '../exec/training/order.ts';
import { KERNELS } from '../exec/training/order.ts';
import type { Comparison } from '../report/compare.ts';
import { compareWorlds, isAgreed } from '../report/compare.ts';
import { comparisonJson } from '../report/compare-json.ts';
import { comparisonText } from '../report/compare-text.ts';
import { jsonText } from '../report/json.ts';
import { CALM, message } from '../sim/message.ts';
import { parseRatio } from '../units/parse.ts';
import { bytes } from '../units/quantity.ts';
import { paintFor } from './colours.ts';
import { EXIT } from './exit.ts';
import type { Io } from './io.ts';
import type { QuestionOptions } from './question.ts';
import { defineQuestion, questionText, readPlaced } from './question.ts';
import { realJob, SKIPPED, stepsAlone, trainSteps } from './real-job.ts';
import { wholeNumber } from './whole-number.ts';

const STEPS_MAX = 1000;

interface CompareOptions extends QuestionOptions {
  readonly steps: number;
  readonly skip: number;
  readonly tolerance: number;
  readonly kernels: KernelChoice;
  readonly json?: boolean;
}

export const define = (command: Command, io: Io, end: (code: number) => void): void => {
  defineQuestion(command, 'trained')
    .option('--steps <n>', 'training steps that count', wholeNumber(1, STEPS_MAX), 20)
    .option('--skip <n>', 'steps ahead of them that do not', wholeNumber(0, STEPS_MAX), SKIPPED)
    .option('--tolerance <share>', 'largest error of the step time, such as 15%', tolerance, 0.15)
    .addOption(new Option('--kernels <who>', 'who multiplies in the real world').choices(KERNELS).default('auto'))
    .option('--json', 'print the comparison as JSON')
    .addHelpText(
      'after',
      '\nExit code 5: a message or a byte of memory differs, or the step time by more than the tolerance.' +
        '\nExample, after angel-sim calibrate -o this-machine.yaml:' +
        '\n  angel-sim compare scenarios/runs/tiny-gpt.yaml --cluster this-machine.yaml',
    )
    .action(async (file: string | undefined, options: CompareOptions) => end(await compare(file, options, io)));
};

const tolerance = (text: string): number => {
  const share = parseRatio(text);
  if (share.kind === 'value') return share.value;
  throw new InvalidArgumentError(`${share.message}.`);
};

const compare = async (file: string | undefined, options: CompareOptions, io: Io): Promise<number> => {
  if (options.printScenario === true) {
    io.stdout.write(questionText(file, options, io));
    return EXIT.ok;
  }
  const compared = await inBothWorlds(file, options, io);
  io.stdout.write(options.json === true ? jsonText(comparisonJson(compared)) : comparisonText(compared, paintFor(io)));
  return isAgreed(compared) ? EXIT.ok : EXIT.outOfTolerance;
};

const inBothWorlds = async (file: string | undefined, options: CompareOptions, io: Io): Promise<Comparison> => {
  const placed = readPlaced(file, { options, verb: 'compared', io });
  const { scenario } = placed;
  const { job, corpus } = await realJob(placed, { file, verb: 'compared', io });
  const { skip: skipped, kernels } = options;
  const steps = skipped + options.steps;
  const order = { corpus, steps, kernels, io };
  const load = loadNow();
  const timed = await trainSteps(job, { ...order, isTraced: false });
  const { trained, backend } = await trainSteps(job, { ...order, isTraced: true });
  const simulated = message(job, CALM, { itinerary: stepsAlone(steps), replayed: trained.trace });
  return compareWorlds(
    { title: scenario.title, job, steps, skipped, tolerance: options.tolerance },
    {
      simulated: { trace: simulated.trace, peaks: simulated.reports.map(({ memory }) => bytes(memory.peak)) },
      real: {
        trace: trained.trace,
        ends: timed.observations.map(({ at }) => at),
        peaks: trained.ranks.map(({ memory }) => bytes(memory.peak)),
        held: trained.ranks.map(({ arenaPeak }) => bytes(arenaPeak)),
        backend,
        cores: availableParallelism(),
        load,
      },
    },
  );
};
