/** What fills the card of the worst stage at its worst moment; the printed rows add up to the printed peak. */
import type { Purpose } from '../memory/purpose.ts';
import { PURPOSES } from '../memory/purpose.ts';
import type { Candidate } from '../plan/plan.ts';
import type { StageReport } from '../sim/evaluation.ts';
import { formatPercent, roundToSum, toGibibytes } from '../units/format.ts';
import type { Bytes } from '../units/quantity.ts';
import type { Paint } from './paint.ts';
import { left, right, table } from './table.ts';

export const PURPOSE_LABELS: Readonly<Record<Purpose, string>> = {
  weights: 'weights',
  gradients: 'gradients',
  optimizer: 'optimizer states',
  activations: 'activations',
  workspace: 'workspace',
  communication: 'communication buffers',
  input: 'input',
  framework: 'framework',
  allocator: 'allocator overhead',
};
const BAR_WIDTH = 40;

export const memoryTable = ({ evaluation, outlook }: Candidate, paint: Paint): readonly string[] => {
  const { capacity, stage, headroom } = outlook.memory;
  const { memory } = worstStage(evaluation.stages, stage);
  const sizes = roundToSum(
    PURPOSES.map((purpose) => toGibibytes(memory.byPurpose[purpose])),
    2,
  );
  // A row that prints as nothing says nothing; --json has them all.
  const shown = PURPOSES.map((purpose, index) => ({ purpose, size: sizes[index] ?? 0 })).filter(({ size }) => size > 0);
  const rows = shown.map(({ purpose, size }) => [
    PURPOSE_LABELS[purpose],
    size.toFixed(2),
    formatPercent(memory.byPurpose[purpose] / capacity),
    '#'.repeat(Math.round((memory.byPurpose[purpose] / capacity) * BAR_WIDTH)),
  ]);
  const sum = sizes.reduce((total, size) => total + size, 0);
  const free = `${headroom < 0 ? 'too large by' : 'free'} ${Math.abs(toGibibytes(headroom)).toFixed(2)}`;
  const peak = ['peak', sum.toFixed(2), formatPercent(memory.total / capacity), free];
  const [head = '', ...body] = table(
    [left(`memory of stage ${stage}`), right('GiB'), right('of the card'), left(`at ${memory.moment}`)],
    [...rows, peak],
  );
  return [paint('title', head), ...body];
};

/** Every stage's peak in one line, so that an uneven pipeline is seen. */
export const peaksByStage = (stages: readonly StageReport[]): string =>
  stages.map(({ memory }) => gibibytes(memory.total)).join(' ');

const gibibytes = (value: Bytes): string => toGibibytes(value).toFixed(1);

const worstStage = (stages: readonly StageReport[], worst: number): StageReport => {
  const found = stages.find(({ stage }) => stage === worst);
  if (found === undefined) throw new RangeError(`the outlook names stage ${worst}, of ${stages.length} stages`);
  return found;
};
