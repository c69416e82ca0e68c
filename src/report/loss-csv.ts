/** The loss of a run, step by step, as comma-separated values: every number as exact as it was, so that curves can be compared. */
import type { Seconds } from '../units/quantity.ts';
import { seconds } from '../units/quantity.ts';

/** What is known once a step is done. */
export interface StepRow {
  readonly step: number;
  /** Of all steps so far. */
  readonly tokens: number;
  /** Nats a token, the mean of the step. */
  readonly loss: number;
  readonly learningRate: number;
  /** Before it is clipped. */
  readonly gradientNorm: number;
  readonly time: Seconds;
  readonly tokensPerSecond: number;
  /** What the gradients were multiplied by: 1, or less where they were clipped; 0: they were not finite, and the step was left out. */
  readonly gradientFactor: number;
  /** Nats a token; null where nothing was tested after this step. */
  readonly validationLoss: number | null;
}

const COLUMNS = [
  'step',
  'tokens',
  'loss_nats',
  'learning_rate',
  'gradient_norm',
  'gradient_factor',
  'ms',
  'tokens_per_second',
  'validation_loss_nats',
] as const;
const MILLISECONDS = 1e3;
const TIME_DIGITS = 3;

export const LOSS_HEADER = `${COLUMNS.join(',')}\n`;

export const lossLine = (row: StepRow): string =>
  `${[
    row.step,
    row.tokens,
    row.loss,
    row.learningRate,
    row.gradientNorm,
    row.gradientFactor,
    (row.time * MILLISECONDS).toFixed(TIME_DIGITS),
    row.tokensPerSecond.toFixed(1),
    row.validationLoss ?? '',
  ].join(',')}\n`;

export const lossCsvOf = (rows: readonly StepRow[]): string => LOSS_HEADER + rows.map(lossLine).join('');

/** The rows of a file; a last line that was cut off while it was written is none. */
export const parseLossCsv = (text: string): readonly StepRow[] => {
  const [header, ...lines] = text.split('\n');
  if (`${header}\n` !== LOSS_HEADER) throw new RangeError(`"${header}" is no header of losses: wanted ${LOSS_HEADER}`);
  return lines.slice(0, -1).map(rowOf);
};

const rowOf = (line: string): StepRow => {
  const cells = line.split(',');
  const [step, tokens, loss, learningRate, gradientNorm, gradientFactor, ms, tokensPerSecond] = cells.map(Number);
  if (cells.length !== COLUMNS.length || step === undefined || !Number.isInteger(step))
    throw new RangeError(`"${line}" is no row of ${COLUMNS.join(', ')}`);
  const validation = cells.at(-1);
  return {
    step,
    tokens: tokens!,
    loss: loss!,
    learningRate: learningRate!,
    gradientNorm: gradientNorm!,
    gradientFactor: gradientFactor!,
    time: seconds(ms! / MILLISECONDS),
    tokensPerSecond: tokensPerSecond!,
    validationLoss: validation === '' ? null : Number(validation),
  };
};
