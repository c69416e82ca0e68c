/** The answer in a few lines: which layout, how fast, how long, what it costs, whether it fits, and whether to believe it. */
import { activeParameterCount, parameterCount } from '../scenario/parameters.ts';
import { microbatchesOf } from '../scenario/job.ts';
import type { Job } from '../scenario/job.ts';
import type { Candidate, Outlook } from '../plan/plan.ts';
import {
  formatCount,
  formatDollars,
  formatDuration,
  formatEnergy,
  formatFlopsPerSecond,
  formatInteger,
  formatPercent,
  formatBytes,
  formatSeconds,
} from '../units/format.ts';
import type { Band, BandsFile } from '../validate/bands.ts';
import { bandFor } from '../validate/bands.ts';
import { bandText, dollarsInBand, timeInBand } from './band.ts';
import { layoutLine } from './layout.ts';
import type { Paint } from './paint.ts';
import { priceText } from './price.ts';
import { beside } from './table.ts';

const MARGIN = 12;

export interface VerdictOptions {
  /** The share of the card that a plan must leave free. */
  readonly margin: number;
  readonly bands: BandsFile;
  readonly paint: Paint;
}

export const verdictStrip = (candidate: Candidate, { margin, bands, paint }: VerdictOptions): readonly string[] => [
  ...item('layout', layoutLine(candidate.job)),
  ...item('step', stepText(candidate)),
  ...item('model', modelText(candidate.job)),
  ...item('band', bandText(candidate, bands)),
  ...item('utilisation', utilisationText(candidate)),
  ...runItems(candidate, bandFor(candidate.job, bands)),
  ...memoryItem(candidate.outlook, margin, paint),
  ...publishedItem(candidate, paint),
];

/** The question in one line: what is trained, on what, on how much. */
export const questionLine = ({ model, cluster, workload }: Pick<Job, 'model' | 'cluster' | 'workload'>): string =>
  [
    `${model.name} on ${cluster.name} (${cluster.accelerator.name})`,
    `batch ${formatInteger(workload.globalBatch)} x ${formatInteger(workload.sequence)} tokens`,
    ...(workload.tokens === null ? [] : [`${formatCount(workload.tokens)} tokens in all`]),
  ].join(', ');

const item = (label: string, text: string): readonly string[] => beside(label, text, MARGIN);

const modelText = ({ model }: Job): string => {
  const [total, active] = [parameterCount(model), activeParameterCount(model)];
  const whole = `${formatInteger(total)} parameters`;
  return active === total ? whole : `${whole}, ${formatInteger(active)} of them active for a token`;
};

const stepText = ({ job, evaluation, outlook }: Candidate): string =>
  `${formatSeconds(evaluation.step)} for ${formatInteger(microbatchesOf(job))} microbatches a pipeline; ` +
  `${formatInteger(outlook.tokensPerSecond)} tokens/s, ${formatCount(outlook.tokensPerDay)} tokens/day, ` +
  `${formatInteger(outlook.tokensPerSecondPerDevice)} tokens/s a device`;

const utilisationText = ({ job, outlook: { utilisation } }: Candidate): string => {
  const { mfuFull, mfuCausal, mfu6nd, hfu, peakDtype } = utilisation;
  const peak = Object.entries(job.cluster.accelerator.peak).find(([dtype]) => dtype === peakDtype)?.[1];
  const rate = peak === undefined ? '' : ` (${formatFlopsPerSecond(peak.value)})`;
  return (
    `MFU ${formatPercent(mfuFull)} full attention, ${formatPercent(mfuCausal)} causal, ${formatPercent(mfu6nd)} 6ND; ` +
    `HFU ${formatPercent(hfu)}; of the dense ${peakDtype} peak${rate}`
  );
};

const runItems = ({ job, outlook: { run } }: Candidate, band: Band | null): readonly string[] => {
  if (run === null) return item('run', 'no number of tokens was given: days, dollars and energy are open');
  return [
    ...item(
      'run',
      `${formatInteger(run.steps)} steps, ${formatDuration(run.time)}${timeInBand(run, band)}, ` +
        `${formatInteger(run.deviceHours)} device-hours`,
    ),
    ...item(
      'cost',
      `${billText(run, job, band)}; ${formatEnergy(run.energy)} at rated power and PUE ${job.cluster.pue.value.toFixed(2)}`,
    ),
  ];
};

const billText = ({ dollars }: NonNullable<Outlook['run']>, { cluster }: Job, band: Band | null): string =>
  dollars === null
    ? `no dollars: ${cluster.name} has no price`
    : `${formatDollars(dollars.low)} to ${formatDollars(dollars.high)}${dollarsInBand(dollars, band)} ${priceText(cluster)}`;

const memoryItem = ({ memory }: Outlook, margin: number, paint: Paint): readonly string[] => {
  const free = memory.headroom / memory.capacity;
  const peak = `worst stage ${memory.stage} holds ${formatBytes(memory.peak)} of ${formatBytes(memory.capacity)}`;
  if (free < 0) {
    const over = paint('bad', `does not fit, by ${formatPercent(-free)} of the card`);
    return item('memory', `${peak}: ${over}`);
  }
  const verdict = `${formatPercent(free)} free, ${formatPercent(margin)} asked`;
  return item('memory', `${peak}: ${paint(free < margin ? 'bad' : 'good', verdict)}`);
};

/** The winner of many estimates is biased upwards; what others have reached is the best guard against belief. */
const publishedItem = ({ job, outlook }: Candidate, paint: Paint): readonly string[] => {
  const best = job.cluster.bestMfu;
  if (best === null)
    return item('published', 'no large run on this card has published its MFU: nothing to hold this against');
  const { mfuFull } = outlook.utilisation;
  const text =
    mfuFull > best.value
      ? paint('bad', `above the best published MFU on this card, ${formatPercent(best.value)}: be careful`)
      : `the best published MFU on this card is ${formatPercent(best.value)}`;
  return item('published', `${text} (${best.source})`);
};
