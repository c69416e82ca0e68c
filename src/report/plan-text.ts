/** The planner's answer for a terminal, in about sixty lines of a hundred columns. */
import type { Disturbance } from '../plan/disturbance.ts';
import type { JobOutlook } from '../plan/job-outlook.ts';
import type { Candidate, Infeasible, Neighbour, Plan, Unfinished, Verdict } from '../plan/plan.ts';
import type { BandsFile } from '../validate/bands.ts';
import { disturbanceLines } from './disturbance.ts';
import { figuresOf, figureTable, legend } from './figures.ts';
import { jobLines } from './job-lines.ts';
import { memoryTable, peaksByStage } from './memory-table.ts';
import type { Paint } from './paint.ts';
import { paretoFront } from './pareto.ts';
import { countsLine, neighbours, outcomeText, runnersUp } from './rivals.ts';
import { beside, wrap, PAGE_WIDTH } from './table.ts';
import { layoutLine } from './layout.ts';
import { timeTable } from './time-table.ts';
import { questionLine, verdictStrip } from './verdict-strip.ts';

export interface PlanTextOptions {
  readonly bands: BandsFile;
  readonly paint: Paint;
  /** Runners-up to list. */
  readonly top: number;
  /** The whole run of the winner with its failures; null where the scenario says nothing of them. */
  readonly life: JobOutlook | null;
  /** List every figure behind the prediction with its source. */
  readonly sources: boolean;
}
const NEIGHBOURS_MAX = 8;

export const planText = (plan: Plan, { bands, paint, top, life, sources }: PlanTextOptions): string => {
  const { scenario, winner } = plan;
  const others = plan.runnersUp.slice(0, top);
  return pageOf([
    heading(scenario.title, winner, paint),
    plan.complete ? [] : [paint('bad', 'The search was interrupted: this is the best so far, not the best there is.')],
    verdictStrip(winner, { margin: scenario.memoryMargin, bands, paint }),
    life === null ? [] : [paint('title', 'with failures and checkpoints'), ...jobLines(life, paint)],
    breakdown(winner, paint),
    // A front of the winner alone says no more than the strip above.
    plan.front.length > 1 ? paretoFront(plan.front, paint) : [],
    others.length > 0 ? runnersUp(winner, others, paint) : [],
    plan.neighbours.length > 0 ? neighbours(nearest(plan.neighbours).slice(0, NEIGHBOURS_MAX), paint) : [],
    [...countsLine(plan.counts), ...footer(winner, sources, paint)],
  ]);
};

/** Those that lost by their time, the closest first; then those that do not fit, and those that no engine would start. */
const nearest = (neighbours: readonly Neighbour[]): readonly Neighbour[] => {
  const order: readonly Verdict['kind'][] = ['simulated', 'bound', 'memory', 'rule'];
  const place = ({ verdict }: Neighbour): number => order.indexOf(verdict.kind);
  return neighbours.toSorted((a, b) => place(a) - place(b) || stepOf(a) - stepOf(b));
};
const stepOf = ({ verdict }: Neighbour): number => (verdict.kind === 'simulated' ? verdict.step : 0);

export interface SimulationTextOptions {
  readonly title: string;
  readonly margin: number;
  readonly bands: BandsFile;
  /** Layouts that the scenario allows; the one shown is the best of them. */
  readonly matching: number;
  /** What the full rung found; null on other rungs. */
  readonly disturbed: Disturbance | null;
  readonly paint: Paint;
  readonly sources: boolean;
}

/** One layout term by term. */
export const simulationText = (candidate: Candidate, options: SimulationTextOptions): string => {
  const { title, margin, bands, matching, disturbed, paint, sources } = options;
  const note = `The scenario leaves axes open: this is the best of the ${matching} layouts that it allows.`;
  return pageOf([
    heading(title, candidate, paint),
    matching > 1 ? wrap(note, PAGE_WIDTH) : [],
    verdictStrip(candidate, { margin, bands, paint }),
    breakdown(candidate, paint),
    disturbed === null ? [] : disturbanceLines(disturbed, paint),
    footer(candidate, sources, paint),
  ]);
};

/** Why there is no plan, and which changes to the scenario would give one. */
export const infeasibleText = ({ scenario, binding, fixes, counts }: Infeasible, paint: Paint): string =>
  pageOf([
    [paint('title', scenario.title), questionLine(scenario)],
    wrap(`${paint('bad', 'No plan:')} ${binding.text}`, PAGE_WIDTH),
    binding.job === null ? [] : beside('nearest', layoutLine(binding.job), MARGIN),
    fixes.length === 0
      ? ['No single change to the scenario that was tried gives a plan.']
      : [paint('title', 'Any of these changes to the scenario gives a plan:'), ...fixes.flatMap(fixLines)],
    countsLine(counts),
  ]);

/** An interrupted search that has simulated nothing yet claims nothing. */
export const unfinishedText = ({ scenario, counts }: Unfinished, paint: Paint): string =>
  pageOf([
    [paint('title', scenario.title), questionLine(scenario)],
    [paint('bad', 'The search was interrupted before any layout was simulated: whether there is a plan is not known.')],
    countsLine(counts),
  ]);

const MARGIN = 12;

const fixLines = ({ edits, outcome }: Infeasible['fixes'][number], index: number): readonly string[] => [
  ...beside(`  ${index + 1}.`, edits.map(({ key, value }) => `${key}: ${value}`).join(', '), 5),
  ...beside('', `${outcomeText(outcome)} (${layoutLine(outcome.job)})`, 5),
];

export const heading = (title: string, { job }: Candidate, paint: Paint): readonly string[] => [
  ...wrap(title, PAGE_WIDTH).map((line) => paint('title', line)),
  ...wrap(questionLine(job), PAGE_WIDTH),
];

export const breakdown = (candidate: Candidate, paint: Paint): readonly string[] => [
  ...timeTable(candidate.evaluation, paint),
  '',
  ...memoryTable(candidate, paint),
  ...beside('all stages', peaksByStage(candidate.evaluation.stages), MARGIN),
];

export const footer = (candidate: Candidate, sources: boolean, paint: Paint): readonly string[] => {
  const figures = figuresOf(candidate);
  return [
    ...legend(figures, candidate.evaluation.fidelity, paint),
    ...(sources ? ['', ...figureTable(figures, paint)] : []),
  ];
};

/** Paragraphs with one empty line between them. */
export const pageOf = (paragraphs: readonly (readonly string[])[]): string =>
  `${paragraphs
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
