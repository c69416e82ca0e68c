/** `angel-sim simulate`: one fixed layout, term by term, on a rung of the caller's choice. */
import type { Command } from 'commander';
import { Option } from 'commander';
import { isCalm } from '../scenario/conditions.ts';
import type { Fidelity } from '../sim/evaluation.ts';
import { FIDELITIES } from '../sim/evaluation.ts';
import { RANKS_MAX } from '../sim/message.ts';
import { EXIT, Refusal } from './exit.ts';
import { simulateFixed } from './fixed-layout.ts';
import type { Io } from './io.ts';
import type { QuestionOptions } from './question.ts';
import { defineQuestion, questionText, readQuestion } from './question.ts';

interface SimulateOptions extends QuestionOptions {
  readonly json?: boolean;
  readonly sources?: boolean;
  readonly fidelity?: Fidelity;
}

export const define = (command: Command, io: Io, end: (code: number) => void): void => {
  defineQuestion(command, 'fixed')
    .addOption(
      new Option(
        '--fidelity <rung>',
        'how closely to look: at one rank a stage (folded), at every rank (full), at every message of up to 16 ranks (message); absent: full where the scenario has conditions, else folded',
      ).choices(FIDELITIES),
    )
    .option('--sources', 'list every figure behind the prediction with its source')
    .option('--json', 'print the whole answer as JSON')
    .action((file: string | undefined, options: SimulateOptions) => end(simulate(file, options, io)));
};

const simulate = (file: string | undefined, options: SimulateOptions, io: Io): number => {
  if (options.printScenario === true) {
    io.stdout.write(questionText(file, options, io));
    return EXIT.ok;
  }
  const scenario = readQuestion(file, { options, verb: 'simulated', io });
  const devices = Math.max(...scenario.devices);
  if (options.fidelity === 'message' && devices > RANKS_MAX)
    throw new Refusal(
      EXIT.usage,
      `error: --fidelity message plays every message: wanted up to ${RANKS_MAX} devices, not ${devices}`,
    );
  const { fidelity = null } = options;
  if (fidelity !== null && fidelity !== 'full' && !isCalm(scenario.conditions))
    throw new Refusal(EXIT.usage, `error: --fidelity ${fidelity} does not know the scenario's conditions: wanted full`);
  return simulateFixed(scenario, { axes: {}, fidelity, options, io });
};
