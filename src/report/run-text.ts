/** What a run that has ended says of itself: how well the model predicts, how fast it learnt, and what it left where. */
import type { Job } from '../scenario/job.ts';
import { formatBytes, formatDuration, formatInteger, formatPercent, formatSeconds } from '../units/format.ts';
import type { Bytes, Seconds } from '../units/quantity.ts';
import { seconds } from '../units/quantity.ts';
import { layoutLine } from './layout.ts';
import type { StepRow } from './loss-csv.ts';
import { lossSketch } from './loss-sketch.ts';
import type { Paint } from './paint.ts';
import { beside, PAGE_WIDTH, wrap } from './table.ts';

/** Where the devices' time went, in the rows of the time table, and what was left over. */
export const PHASES = ['matrix', 'attention', 'vector', 'optimizer', 'other'] as const;
export type Phase = (typeof PHASES)[number];

export interface RankSummary {
  /** What the programs allocated at once at most. */
  readonly allocated: Bytes;
  /** What was really held at once at most. */
  readonly held: Bytes;
  readonly phases: Readonly<Record<Phase, Seconds>>;
}

export interface RunSummary {
  readonly title: string;
  readonly job: Job;
  readonly backend: string;
  readonly isComplete: boolean;
  /** The first step that this run did, and the last. */
  readonly first: number;
  readonly last: number;
  readonly elapsed: Seconds;
  readonly rows: readonly StepRow[];
  readonly recoveries: number;
  readonly ranks: readonly RankSummary[];
  readonly folder: string;
  /** Null where nothing was saved. */
  readonly checkpoints: string | null;
}

const LABEL = 12;
const said = (label: string, text: string): readonly string[] => beside(label, text, LABEL);

/** Median time of the steps that this run did; the first one warms up. */
export const stepTimeOf = ({ rows, first }: RunSummary): Seconds => {
  const times = rows.filter(({ step }) => step > first).map(({ time }) => time);
  const sorted = (times.length > 0 ? times : rows.map(({ time }) => time)).toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? seconds(0);
};

export const runText = (summary: RunSummary, paint: Paint): string => {
  const { title, job, rows, isComplete, last, elapsed, recoveries, checkpoints, folder } = summary;
  const time = stepTimeOf(summary);
  const { globalBatch, sequence } = job.workload;
  const tokens = time === 0 ? 0 : (globalBatch * sequence) / time;
  const recovered = recoveries === 0 ? '' : `, ${recoveries} recover${recoveries === 1 ? 'y' : 'ies'}`;
  const end = isComplete ? `${formatInteger(last)} steps` : `stopped behind step ${formatInteger(last)}`;
  const lines = [
    ...wrap(title, PAGE_WIDTH).map((line) => paint('title', line)),
    '',
    ...said('layout', layoutLine(job)),
    ...said('kernels', summary.backend),
    ...said('run', `${end} in ${formatDuration(elapsed)}${recovered}`),
    ...said('loss', lossText(rows)),
    ...said('step', `${formatSeconds(time)} (median), ${formatInteger(tokens)} tokens/s`),
    ...phaseText(summary).flatMap((text) => said('time', text)),
    ...memoryText(summary).flatMap((text) => said('memory', text)),
    ...said('files', `${folder}/loss.csv, loss.svg, tensorboard/`),
    ...(checkpoints === null ? [] : said('checkpoints', checkpoints)),
  ];
  const sketch = lossSketch(rows, PAGE_WIDTH);
  return `${[...lines, ...(sketch.length === 0 ? [] : ['', paint('title', 'loss (nats a token)'), ...sketch])].join('\n')}\n`;
};

const lossText = (rows: readonly StepRow[]): string => {
  const [first, last] = [rows[0], rows.at(-1)];
  if (first === undefined || last === undefined) return 'no step was done';
  const validated = rows.findLast(({ validationLoss }) => validationLoss !== null);
  const tested = validated === undefined ? '' : `; validation ${validated.validationLoss!.toFixed(4)}`;
  return `${first.loss.toFixed(4)} at step ${first.step} to ${last.loss.toFixed(4)}${tested} (nats a token)`;
};

const phaseText = ({ ranks }: RunSummary): readonly string[] => {
  const totals = PHASES.map((phase) => ranks.reduce((sum, { phases }) => sum + phases[phase], 0));
  const all = totals.reduce((sum, total) => sum + total, 0);
  if (all === 0) return [];
  const shares = PHASES.map((phase, index) => `${NAMES[phase]} ${formatPercent(totals[index]! / all)}`);
  return [shares.join(', ')];
};
const NAMES: Readonly<Record<Phase, string>> = {
  matrix: 'matrix products',
  attention: 'attention',
  vector: 'element-wise',
  optimizer: 'optimizer',
  other: 'messages, waiting and all else',
};

const memoryText = ({ ranks }: RunSummary): readonly string[] => {
  if (ranks.length === 0) return [];
  const most = (of: (rank: RankSummary) => Bytes): string =>
    formatBytes(ranks.map(of).reduce((a, b) => (a > b ? a : b)));
  return [
    `${most(({ allocated }) => allocated)} allocated on the fullest rank, ${most(({ held }) => held)} held with kernels' scratch`,
  ];
};
