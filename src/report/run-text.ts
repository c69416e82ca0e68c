/** What a run that has ended says of itself: how well the model predicts, how fast it learnt, and what it left where. */
import type { Phases } from '../effects/phase.ts';
import { PHASES } from '../effects/phase.ts';
import type { Job } from '../scenario/job.ts';
import { formatBytes, formatDuration, formatInteger, formatPercent, formatSeconds } from '../units/format.ts';
import type { Bytes, Seconds } from '../units/quantity.ts';
import { bytes, sum } from '../units/quantity.ts';
import { totalRecord } from '../units/total-record.ts';
import { layoutLine } from './layout.ts';
import type { StepRow } from './loss-csv.ts';
import { lossSketch } from './loss-sketch.ts';
import type { Paint } from './paint.ts';
import { PHASE_NAMES } from './phase-names.ts';
import { leftOutText } from './run-lines.ts';
import { medianStep } from './step-times.ts';
import { beside, PAGE_WIDTH, wrap } from './table.ts';

export interface RankSummary {
  /** What the programs allocated at once at most, nothing counted that stands for a runtime's own memory. */
  readonly allocated: Bytes;
  /** What was really held at once at most. */
  readonly held: Bytes;
  /** Where its time went; null where nobody counted. */
  readonly phases: Phases | null;
}

export interface RunSummary {
  readonly title: string;
  readonly job: Job;
  /** Of the model. */
  readonly parameters: number;
  readonly backend: string;
  readonly isComplete: boolean;
  /** The first step that this run did, and the last. */
  readonly first: number;
  readonly last: number;
  readonly elapsed: Seconds;
  /** Of all steps on record, those that were done before this run too. */
  readonly rows: readonly StepRow[];
  readonly recoveries: number;
  readonly ranks: readonly RankSummary[];
  readonly folder: string;
  /** Whole paths of what the run left beside checkpoints. */
  readonly files: readonly string[];
  /** Null where nothing was saved. */
  readonly checkpoints: string | null;
}

/** Those that this run did. */
export const ownRows = ({ rows, first }: RunSummary): readonly StepRow[] => rows.filter(({ step }) => step >= first);

/** How many of its steps changed no weight. */
export const leftOutOf = (summary: RunSummary): number =>
  ownRows(summary).filter(({ gradientFactor }) => gradientFactor === 0).length;

/** Median time of the steps that this run did; the first one warms up. */
export const stepTimeOf = (summary: RunSummary): Seconds => {
  const times = ownRows(summary).map(({ time }) => time);
  return medianStep(times.length > 1 ? times.slice(1) : times);
};

export const tokensPerSecondOf = (summary: RunSummary): number => {
  const { globalBatch, sequence } = summary.job.workload;
  const time = stepTimeOf(summary);
  return time === 0 ? 0 : (globalBatch * sequence) / time;
};

/** The last one on record. */
export const validationOf = ({ rows }: RunSummary): { readonly step: number; readonly loss: number } | null => {
  const row = rows.findLast(({ validationLoss }) => validationLoss !== null);
  return row === undefined ? null : { step: row.step, loss: row.validationLoss! };
};

const LABEL = 12;
const said = (label: string, text: string): readonly string[] => beside(label, text, LABEL);

export const runText = (summary: RunSummary, paint: Paint): string => {
  const { title, job, parameters, rows, checkpoints, folder } = summary;
  const leftOut = leftOutOf(summary);
  const speed = `${formatSeconds(stepTimeOf(summary))} (median), ${formatInteger(tokensPerSecondOf(summary))} tokens/s`;
  const lines = [
    ...wrap(title, PAGE_WIDTH).map((line) => paint('title', line)),
    '',
    ...said('model', `${job.model.name}, ${formatInteger(parameters)} parameters`),
    ...said('layout', layoutLine(job)),
    ...said('kernels', summary.backend),
    ...said('run', spanText(summary)),
    ...said('loss', lossText(summary)),
    ...(leftOut === 0 ? [] : said('left out', leftOutText(leftOut))),
    ...said('step', speed),
    ...phaseText(summary).flatMap((text) => said('time', text)),
    ...memoryText(summary).flatMap((text) => said('memory', text)),
    ...said('files', `${folder}: ${summary.files.map((path) => path.slice(folder.length + 1)).join(', ')}`),
    ...(checkpoints === null ? [] : said('checkpoints', checkpoints)),
  ];
  const sketch = lossSketch(rows, PAGE_WIDTH);
  return `${[...lines, ...(sketch.length === 0 ? [] : ['', paint('title', 'loss (nats a token)'), ...sketch])].join('\n')}\n`;
};

/** `steps 61 to 90 in 3.07 s, 1 recovery; 92,160 tokens since step 1` */
const spanText = (summary: RunSummary): string => {
  const { job, rows, first, last, elapsed, recoveries, isComplete } = summary;
  const { training } = job;
  const end = isComplete ? '' : `, stopped behind step ${formatInteger(last)} of ${formatInteger(training.steps)}`;
  const recovered = recoveries === 0 ? '' : `, ${recoveries} recover${recoveries === 1 ? 'y' : 'ies'}`;
  const done = last < first ? 'no step' : `steps ${formatInteger(first)} to ${formatInteger(last)}`;
  const tokens = formatInteger(rows.at(-1)?.tokens ?? 0);
  return `${done} in ${formatDuration(elapsed)}${end}${recovered}; ${tokens} tokens since step 1`;
};

const lossText = (summary: RunSummary): string => {
  const rows = ownRows(summary);
  const [first, last] = [rows[0], rows.at(-1)];
  if (first === undefined || last === undefined) return 'no step was done';
  const validated = validationOf(summary);
  const tested = validated === null ? '' : `; validation ${lossAt(validated)}`;
  return `${first === last ? lossAt(last) : `${lossAt(first)} to ${lossAt(last)}`}${tested} (nats a token)`;
};

const lossAt = ({ step, loss }: { readonly step: number; readonly loss: number }): string =>
  `${loss.toFixed(4)} at step ${formatInteger(step)}`;

const phaseText = ({ ranks }: RunSummary): readonly string[] => {
  const known = ranks.flatMap(({ phases }) => (phases === null ? [] : [phases]));
  const totals = totalRecord(PHASES, (phase) => sum(known.map((phases) => phases[phase])));
  const all = sum(PHASES.map((phase) => totals[phase]));
  if (all === 0) return [];
  const shown = PHASES.filter((phase) => totals[phase] / all >= SHOWN_MIN);
  return [shown.map((phase) => `${PHASE_NAMES[phase]} ${formatPercent(totals[phase] / all)}`).join(', ')];
};
/** Less reads 0.0 %. */
const SHOWN_MIN = 0.0005;

const memoryText = ({ ranks, job }: RunSummary): readonly string[] => {
  if (ranks.length === 0) return [];
  const most = (of: (rank: RankSummary) => Bytes): string => formatBytes(bytes(Math.max(...ranks.map(of))));
  const runtime = job.software.frameworkMemory.value;
  const apart =
    runtime === 0 ? '' : ` (software.frameworkMemory, ${formatBytes(runtime)}, is planned with, not allocated)`;
  return [
    `${most(({ allocated }) => allocated)} allocated on the fullest rank, ${most(({ held }) => held)} held with kernels' scratch${apart}`,
  ];
};
