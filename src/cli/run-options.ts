/** What can be asked of `angel-sim run` beside the scenario. */
import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import type { KernelChoice } from '../exec/training/order.ts';
import { KERNELS } from '../exec/training/order.ts';
import type { QuestionOptions } from './question.ts';
import { defineQuestion } from './question.ts';

export interface RunOptions extends QuestionOptions {
  readonly json?: boolean;
  readonly steps?: number;
  readonly output?: string;
  readonly fresh?: boolean;
  readonly resume?: string;
  readonly from?: string;
  readonly kernels: KernelChoice;
  readonly drill?: Drill;
}

/** A thread that is ended on purpose, once that step is done. */
export interface Drill {
  readonly rank: number;
  readonly step: number;
}

export const defineRun = (command: Command): Command =>
  defineQuestion(command, 'trained')
    .option('--steps <n>', 'end behind that step of train.steps; the same command without it goes on', wholeNumber)
    .option(
      '-o, --output <folder>',
      'where the loss curve goes: loss.csv, loss.svg, events for TensorBoard',
      folderName,
    )
    .option(
      '--fresh',
      'begin anew although there are checkpoints: they and the curve move to earlier-N/ beside the new ones',
    )
    .option(
      '--resume <checkpoint>',
      'go on from that checkpoint, or the last in that folder; without it from the last one of checkpoint.folder',
    )
    .option(
      '--from <folder>',
      'a new run with the weights of a Hugging Face model, config.json and model.safetensors; what is there moves as with --fresh',
    )
    .addOption(
      new Option('--kernels <who>', 'who multiplies: a library of this machine if there is one, or our own kernels')
        .choices(KERNELS)
        .default('auto'),
    )
    .option('--drill <rank@step>', 'end the thread of that rank behind that step, to see the run recover', drill)
    .option('--json', 'print the summary as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  angel-sim run scenarios/runs/tiny-gpt.yaml\n  angel-sim run scenarios/runs/tiny-gpt-2x2x2.yaml --steps 100 --drill 3@50',
    );

const wholeNumber = (text: string): number => {
  if (!/^[1-9]\d{0,8}$/u.test(text)) throw new InvalidArgumentError('wanted a whole number from 1 to 999999999.');
  return Number(text);
};
const folderName = (text: string): string => {
  if (text === '') throw new InvalidArgumentError('wanted the path of a folder.');
  return text;
};
const drill = (text: string): Drill => {
  const { rank: who, step } = /^(?<rank>\d+)@(?<step>[1-9]\d*)$/u.exec(text)?.groups ?? {};
  if (who === undefined || step === undefined) throw new InvalidArgumentError('wanted rank@step, such as 1@50.');
  return { rank: Number(who), step: Number(step) };
};
