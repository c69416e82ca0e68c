/** A comparison of the two worlds as tables of a terminal. */
import { formatBytes, formatChange, formatInteger, formatPercent, timeScaleFor } from '../units/format.ts';
import type { Seconds } from '../units/quantity.ts';
import { bytes, larger, sum } from '../units/quantity.ts';
import type { Comparison } from './compare.ts';
import { assumptionsOf, isAgreed, isGuess } from './compare.ts';
import type { Paint } from './paint.ts';
import { PHASES } from '../effects/phase.ts';
import { PHASE_NAMES } from './phase-names.ts';
import { left, PAGE_WIDTH, right, table, wrap } from './table.ts';

/** Channels that differ are shown up to so many; --json has them all. */
const DIFFERING_MAX = 10;

export const comparisonText = (compared: Comparison, paint: Paint): string => {
  const { title, job, backend, steps, skipped } = compared;
  const counted = `steps ${skipped + 1} to ${steps} counted`;
  return `${[
    paint('title', title),
    `${job.model.name} on ${job.devices} ranks, ${job.precision}, ${backend}; ${counted}`,
    '',
    ...timeLines(compared, paint),
    '',
    ...trafficLines(compared, paint),
    '',
    ...memoryLines(compared, paint),
    '',
    ...channelLines(compared, paint),
    '',
    ...assumptionsOf(compared).flatMap((line) => wrap(line, PAGE_WIDTH).map((each) => paint('faint', each))),
    ...verdict(compared, paint),
  ].join('\n')}\n`;
};

const titled = ([head = '', ...body]: readonly string[], paint: Paint): readonly string[] => [
  paint('title', head),
  ...body,
];

const timeLines = (
  { step, phases, error, steppedIn, middle, tracedStep }: Comparison,
  paint: Paint,
): readonly string[] => {
  const scale = timeScaleFor(larger(step.simulated, step.real));
  const inScale = (time: Seconds): string => (time / scale.size).toFixed(3);
  const rows = PHASES.filter((phase) => phases.simulated[phase] > 0 || phases.real[phase] > 0).map((phase) => [
    PHASE_NAMES[phase],
    inScale(phases.simulated[phase]),
    inScale(phases.real[phase]),
    errorOf(phases.simulated[phase], phases.real[phase]),
  ]);
  const mean = (side: 'simulated' | 'real'): Seconds => sum(PHASES.map((phase) => phases[side][phase]));
  const columns = [left(`time (${scale.unit})`), right('simulated'), right('real'), right('error')];
  const all = [
    ...rows,
    ['mean step', inScale(mean('simulated')), inScale(mean('real')), errorOf(mean('simulated'), mean('real'))],
    ['undisturbed step', inScale(step.simulated), inScale(step.real), formatChange(error)],
  ];
  const [shortest, longest] = [Math.min(...steppedIn), Math.max(...steppedIn)].map((time) =>
    (time / scale.size).toFixed(3),
  );
  const notes = [
    `  phases: means over the ranks; the real ones are of a second run, which wrote all down and took ${inScale(tracedStep)} ${scale.unit} a step`,
    `  the real steps took ${shortest} to ${longest} ${scale.unit}, ${inScale(middle)} in the middle; undisturbed is what a tenth are faster than`,
  ];
  return [...titled(table(columns, all), paint), ...notes.map((note) => paint('faint', note))];
};

/** Of next to nothing an error says nothing. */
const errorOf = (simulated: Seconds, real: Seconds): string => (real === 0 ? '' : formatChange(simulated / real - 1));

const trafficLines = ({ traffic, steps }: Comparison, paint: Paint): readonly string[] => {
  const names = new Map(
    [...traffic.simulated, ...traffic.real].map(({ axis, link }) => [`${axis} ${link}`, { axis, link }]),
  );
  const cell = (side: 'simulated' | 'real', name: string): string => {
    const found = traffic[side].find(({ axis, link }) => `${axis} ${link}` === name);
    return found === undefined ? '-' : formatInteger(found.bytes);
  };
  const rows = [...names].map(([name, { axis, link }]) => [axis, link, cell('simulated', name), cell('real', name)]);
  const columns = [left('axis'), left('link'), right(`bytes in ${steps} steps, simulated`), right('real')];
  return titled(table(columns, rows), paint);
};

const memoryLines = ({ memory, job }: Comparison, paint: Paint): readonly string[] => {
  const rows = memory.map(({ simulated, real, held }, rank) => [
    String(rank),
    formatInteger(simulated),
    formatInteger(real),
    formatBytes(held),
  ]);
  const columns = [left('rank'), right('peak (B), simulated'), right('real'), right('really held')];
  const runtime = formatBytes(job.software.frameworkMemory.value);
  const note = `  peaks count ${runtime} for the runtime (software.frameworkMemory), which the ranks share and do not really hold`;
  return [...titled(table(columns, rows), paint), paint('faint', note)];
};

const channelLines = ({ channels, messages, differing }: Comparison, paint: Paint): readonly string[] => {
  const all = `${formatInteger(messages)} messages on ${formatInteger(channels)} channels (from, to, strand)`;
  if (differing.length === 0) return [paint('good', `${all}: the same tags and bytes in the same order`)];
  const shown = differing.slice(0, DIFFERING_MAX).map(({ from, to, strand, index, simulated, real }) => {
    const [ours, theirs] = [simulated, real].map((one) =>
      one === null ? 'none' : `tag ${one.tag}, ${formatBytes(bytes(one.size))}`,
    );
    return `  ${from} to ${to}, strand "${strand}", message ${index + 1}: simulated ${ours}; real ${theirs}`;
  });
  const more = differing.length - shown.length;
  return [
    paint('bad', `${all}: ${formatInteger(differing.length)} channels differ`),
    ...shown,
    ...(more === 0 ? [] : [`  and ${formatInteger(more)} more`]),
  ];
};

const verdict = (compared: Comparison, paint: Paint): readonly string[] => {
  const { job, error, tolerance, isClose, isMemoryEqual, differing } = compared;
  const time = `step time ${formatChange(error)} (tolerance ${formatPercent(tolerance)})`;
  if (isAgreed(compared))
    return [
      paint('good', `The two worlds agree: messages, peaks of memory, and ${time}.`),
      ...(isGuess(job.cluster)
        ? wrap(
            `The figures of ${job.cluster.name} are assumed: that the step time agrees is luck (angel-sim calibrate measures this machine).`,
            PAGE_WIDTH,
          )
        : []),
    ];
  const wrong = [
    ...(differing.length === 0 ? [] : ['messages']),
    ...(isMemoryEqual ? [] : ['peaks of memory']),
    ...(isClose ? [] : [time]),
  ];
  return [paint('bad', `The two worlds differ: ${wrong.join(', ')}.`)];
};
