/** The layouts that lost: the next best, and those one change away from the winner with the reason. */
import type { Candidate, Neighbour, SearchCounts, Verdict } from '../plan/plan.ts';
import {
  formatBytes,
  formatChange,
  formatDuration,
  formatInteger,
  formatPercent,
  formatSeconds,
} from '../units/format.ts';
import { layoutColumns } from './layout.ts';
import type { Paint } from './paint.ts';
import { left, right, table, wrap, PAGE_WIDTH } from './table.ts';

export const runnersUp = (winner: Candidate, others: readonly Candidate[], paint: Paint): readonly string[] => {
  const layouts = layoutColumns([winner, ...others].map(({ job }) => job));
  const rows = others.map(({ job, evaluation, outlook }) => [
    ...layouts.cells(job),
    formatSeconds(evaluation.step),
    slowdownText(slowdown(winner, { job, evaluation, outlook })),
    formatPercent(outlook.utilisation.mfuFull),
    formatBytes(outlook.memory.headroom),
  ]);
  const titles = [right('step'), right('longer'), right('MFU'), right('free')];
  const [head = '', ...body] = table([...layouts.columns, ...titles], rows);
  return [paint('title', 'next best'), paint('faint', head), ...body];
};

/** How much longer the job takes than the winner: of the run where there is one, for steps of other batches do not compare. */
const slowdown = (winner: Candidate, other: Candidate): number =>
  winner.outlook.run !== null && other.outlook.run !== null
    ? other.outlook.run.time / winner.outlook.run.time - 1
    : other.evaluation.step / winner.evaluation.step - 1;

/** Beyond ten times, percents stop helping. */
const slowdownText = (slowdown: number): string =>
  slowdown < 10 ? formatChange(slowdown) : `${formatInteger(slowdown + 1)}x`;

export const neighbours = (near: readonly Neighbour[], paint: Paint): readonly string[] => {
  const rows = near.map(({ change, verdict, reason }) => [change, verdictText(verdict), reason]);
  const [head = '', ...body] = table([left('one change away'), right('outcome'), left('why it lost')], rows);
  return [paint('title', head), ...body];
};

const verdictText = (verdict: Verdict): string => {
  switch (verdict.kind) {
    case 'rule':
      return 'not legal';
    case 'memory':
      return `${formatBytes(verdict.peak)} needed`;
    case 'bound':
      return `at least ${formatSeconds(verdict.bound)}`;
    case 'simulated':
      return formatSeconds(verdict.step);
    default:
      return verdict satisfies never;
  }
};

/** What became of every layout: the parts add up to what was considered. */
export const countsLine = (counts: SearchCounts): readonly string[] =>
  wrap(
    `${formatInteger(counts.considered)} layouts considered: ${formatInteger(counts.byRule)} not legal, ` +
      `${formatInteger(counts.byMemory)} too large, ${formatInteger(counts.byBound)} too slow by their bound, ` +
      `${formatInteger(counts.simulated)} simulated.`,
    PAGE_WIDTH,
  );

/** The outcome of a fix or a run in one phrase. */
export const outcomeText = ({ evaluation, outlook }: Candidate): string => {
  const run = outlook.run === null ? '' : `, run ${formatDuration(outlook.run.time)}`;
  const free = formatBytes(outlook.memory.headroom);
  return `step ${formatSeconds(evaluation.step)}${run}, MFU ${formatPercent(outlook.utilisation.mfuFull)}, ${free} free`;
};
