/** A run of weeks in a few lines: days and dollars as far as chance goes, interruptions, and how often to save. */
import type { JobOutlook, Percentiles } from '../plan/job-outlook.ts';
import type { Component } from '../scenario/reliability.ts';
import { COMPONENTS } from '../scenario/reliability.ts';
import {
  formatBytes,
  formatDollars,
  formatDuration,
  formatInteger,
  formatPercent,
  formatSeconds,
} from '../units/format.ts';
import { seconds } from '../units/quantity.ts';
import type { Paint } from './paint.ts';
import { priceText } from './price.ts';
import { beside } from './table.ts';

export const jobLines = (outlook: JobOutlook, paint: Paint): readonly string[] => [
  ...runItems(outlook, paint),
  ...jobItem('interrupted', interruptedText(outlook)),
  ...jobItem('checkpoint', checkpointText(outlook)),
];

const MARGIN = 13;
export const jobItem = (label: string, text: string): readonly string[] => beside(label, text, MARGIN);

/** Of lives that were all given up nothing can be said but that. */
export const isPlayed = ({ seeds, unfinished }: JobOutlook): boolean => unfinished < seeds;

const runItems = (outlook: JobOutlook, paint: Paint): readonly string[] => {
  const { seeds, unfinished, wall, useful, goodput, effective } = outlook;
  const givenUp = `${formatInteger(unfinished)} of ${formatInteger(seeds)} runs fail more often than they come on`;
  if (!isPlayed(outlook)) return jobItem('run', paint('bad', `${givenUp}: it does not end`));
  const days = spread(wall, (time) => formatDuration(seconds(time)));
  return [
    ...jobItem('run', `${days}; ${formatDuration(useful)} if nothing failed and saving were free`),
    ...(unfinished === 0 ? [] : jobItem('', paint('bad', `${givenUp}, and are left out`))),
    ...jobItem('cost', costText(outlook)),
    ...jobItem('goodput', `${spread(goodput, formatPercent)}: useful step time over wall time`),
    ...jobItem('effective', `${spread(effective, formatPercent)}: training time that counted, as Llama 3 reports it`),
  ];
};

/** The middle, and what a tenth of the runs stay below and above. */
const spread = ({ p10, p50, p90 }: Percentiles, format: (value: number) => string): string =>
  `${format(p50)} (${format(p10)} to ${format(p90)})`;

const costText = ({ candidate, dollars, spares }: JobOutlook): string => {
  const { cluster } = candidate.job;
  if (dollars === null) return `no dollars: ${cluster.name} has no price`;
  const { p10, p50, p90 } = dollars;
  const middle = range(formatDollars(p50.low), formatDollars(p50.high));
  const outer = range(formatDollars(p10.low), formatDollars(p90.high));
  return `${middle} (${outer}) with ${formatInteger(spares)} spare nodes, ${priceText(cluster)}`;
};

const range = (low: string, high: string): string => (low === high ? low : `${low} to ${high}`);

const NAMES: Readonly<Record<Component, string>> = {
  card: 'by a card',
  node: 'by a node',
  fabric: 'by the fabric',
  software: 'by software',
};

const interruptedText = ({ mtbf, interruptions, byComponent, regroupings }: JobOutlook): string => {
  if (mtbf === null) return 'never: nothing fails at these rates';
  const parts = COMPONENTS.filter((name) => byComponent[name] > 0).map(
    (name) => `${byComponent[name].toFixed(1)} ${NAMES[name]}`,
  );
  const regrouped = regroupings > 0 ? `; ${regroupings.toFixed(1)} stops to take repaired nodes back` : '';
  return (
    `${spread(interruptions, formatInteger)} times, every ${formatDuration(mtbf)} on average` +
    `${parts.length === 0 ? '' : `: ${parts.join(', ')}`}${regrouped}`
  );
};

const checkpointText = ({ reliability, checkpoint }: JobOutlook): string => {
  const { steps, every, blocks, drains, storageBusy, isChosen, young, daly, dalyWall } = checkpoint;
  const { way, size } = reliability.checkpoint;
  const written = drains > 0 ? `, in storage ${formatSeconds(drains)} later` : '';
  const chosen = isChosen ? 'found by sweep' : 'as given';
  const forms =
    young === null || daly === null || dalyWall === null
      ? ''
      : `; Young's form says ${formatDuration(young)}, Daly's ${formatDuration(daly)} and ${formatDuration(dalyWall)} in all`;
  return (
    `${way.kind}, every ${formatDuration(every)} (${formatInteger(steps)} steps, ${chosen}); ` +
    `training waits ${formatSeconds(blocks)} for ${formatBytes(size.value)}${written}; storage is busy ` +
    `${formatPercent(storageBusy)} of the time${forms}`
  );
};
