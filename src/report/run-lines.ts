/** How far a run is, in words: two lines of a terminal that are drawn again and again, or one line of a log. */
import type { Phase, Phases } from '../effects/phase.ts';
import { formatBytes, formatDuration, formatInteger, formatSeconds, timeScaleFor } from '../units/format.ts';
import { seconds } from '../units/quantity.ts';
import type { RunProgress } from './run-progress.ts';

/** What the shown parts of a step are made of; what takes no time is not named. */
const PARTS: readonly (readonly [string, readonly Phase[]])[] = [
  ['products', ['matrix']],
  ['attention', ['attention']],
  ['element-wise', ['vector']],
  ['optimizer', ['optimizer']],
  ['messages', ['messages']],
  ['idle', ['waiting']],
  ['saving', ['saving']],
  ['other', ['input', 'rest']],
];

/** `120 of 500  loss 2.513, validation 2.601 at step 100, 41,800 tokens/s, 38.0 s left, 95.1 MiB held` */
export const progressText = (progress: RunProgress): string => {
  const { step, steps } = progress;
  return `${formatInteger(step)} of ${formatInteger(steps)}  ${paceTexts(progress).join(', ')}`;
};

/** `98.02 ms a step: products 41.3, attention 10.0, ..., idle 8.1 ms` */
export const spendingText = ({ stepTime, phases }: RunProgress): string => {
  const parts = phases === null ? '' : `: ${partsText(phases, stepTime)}`;
  return `${formatSeconds(stepTime)} a step${parts}`;
};

/** `step 120 of 500: loss 2.5134, 41,800 tokens/s, 98.02 ms a step: products 41.3, ...` */
export const logText = (progress: RunProgress): string => {
  const { step, steps } = progress;
  const numbers = [...paceTexts(progress), spendingText(progress)];
  return `step ${formatInteger(step)} of ${formatInteger(steps)}: ${numbers.join(', ')}`;
};

const paceTexts = (progress: RunProgress): readonly string[] => {
  const { step, steps, stepTime, tokensPerSecond, peakMemory } = progress;
  return [
    ...lossTexts(progress),
    `${formatInteger(tokensPerSecond)} tokens/s`,
    ...(step < steps ? [`${formatDuration(seconds((steps - step) * stepTime))} left`] : []),
    ...(peakMemory === null ? [] : [`${formatBytes(peakMemory)} held`]),
  ];
};

const lossTexts = ({ loss, validation, leftOut }: RunProgress): readonly string[] => [
  ...(loss === null ? [] : [`loss ${loss.toFixed(3)}`]),
  ...(validation === null
    ? []
    : [`validation ${validation.loss.toFixed(3)} at step ${formatInteger(validation.step)}`]),
  ...(leftOut === 0 ? [] : [leftOutText(leftOut)]),
];

export const leftOutText = (count: number): string =>
  count === 1
    ? '1 step left out: its gradients were not finite'
    : `${formatInteger(count)} steps left out: their gradients were not finite`;

const partsText = (phases: Phases, whole: RunProgress['stepTime']): string => {
  const { unit, size } = timeScaleFor(whole);
  const shown = PARTS.flatMap(([name, parts]) => {
    const text = (parts.reduce((total, phase) => total + phases[phase], 0) / size).toFixed(1);
    return Number(text) === 0 ? [] : [`${name} ${text}`];
  });
  return `${shown.join(', ')} ${unit}`;
};
