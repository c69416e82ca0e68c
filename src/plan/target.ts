/** The cheapest plan that is done within so many days, or the fastest within so many dollars. */
import type { Scenario } from '../scenario/scenario.ts';
import type { Dollars } from '../units/quantity.ts';
import { priceOf } from './outlook.ts';
import type { Candidate } from './plan.ts';
import type { Trial, TrialOptions } from './trial.ts';
import { bestOf, tryOut } from './trial.ts';

/** What a run may take; at least one of the two is given. */
export interface Target {
  readonly days: number | null;
  /** Held against the high end of the price range, so that the promise does not hang on the best price. */
  readonly dollars: Dollars | null;
}

/** What a run takes of one target, and by how much it is over: the excess is negative where the target is met. */
export interface Miss {
  readonly target: 'days' | 'usd';
  readonly wanted: number;
  readonly taken: number;
  readonly excess: number;
}

export interface Targeted {
  readonly target: Target;
  readonly scenario: Scenario;
  /** The choice, or where nothing meets the target what comes nearest to it; null when nothing fits at all. */
  readonly chosen: Candidate | null;
  readonly isMet: boolean;
  /** By number of devices: with those fixed the fastest is the cheapest, so one layout of each is enough to choose from. */
  readonly trials: readonly Trial[];
  readonly complete: boolean;
}

export const searchTarget = async (scenario: Scenario, target: Target, options: TrialOptions): Promise<Targeted> => {
  const trials: Trial[] = [];
  for (const devices of [...new Set(scenario.devices)].toSorted((a, b) => a - b))
    if (!options.isInterrupted()) trials.push(await tryOut({ ...scenario, devices: [devices] }, options, 'all'));
  const choice = chooseFor(
    target,
    trials.flatMap((trial) => bestOf(trial) ?? []),
  );
  const complete = !options.isInterrupted() && trials.every((trial) => trial.complete);
  return { target, scenario, ...choice, trials, complete };
};

/** The one preferred of those that meet the target; where there are none, the one that comes nearest. */
export const chooseFor = (target: Target, candidates: readonly Candidate[]): Pick<Targeted, 'chosen' | 'isMet'> => {
  const meeting = candidates.filter((candidate) => meets(candidate, target));
  const isMet = meeting.length > 0;
  const [chosen = null] = isMet ? meeting.toSorted(preferenceOf(target)) : candidates.toSorted(byDistance(target));
  return { chosen, isMet };
};

/** With a target of days the cheapest, then the fewest cards; with dollars alone the fastest, then the cheapest. */
const preferenceOf = ({ days }: Target): ((a: Candidate, b: Candidate) => number) =>
  days === null
    ? (a, b) => timeOf(a) - timeOf(b) || priceOf(a) - priceOf(b)
    : (a, b) => priceOf(a) - priceOf(b) || a.job.devices - b.job.devices || timeOf(a) - timeOf(b);

/** Several targets are as far away as the farthest of them, in shares of what was wanted. */
const byDistance =
  (target: Target) =>
  (a: Candidate, b: Candidate): number =>
    distance(a, target) - distance(b, target) || a.job.devices - b.job.devices;
const distance = (candidate: Candidate, target: Target): number =>
  Math.max(...missesOf(candidate, target).map(({ wanted, excess }) => excess / wanted));

const timeOf = ({ evaluation }: Candidate): number => evaluation.step;

export const meets = (candidate: Candidate, target: Target): boolean =>
  missesOf(candidate, target).every(({ excess }) => excess <= 0);

/** Each target beside what the run takes. The caller sees to it that there are tokens and, for dollars, a price. */
export const missesOf = ({ outlook: { run } }: Candidate, { days, dollars }: Target): readonly Miss[] => {
  if (run === null) throw new RangeError('a target was set for a run without a number of tokens');
  if (dollars !== null && run.dollars === null) throw new RangeError('dollars were set for a run without a price');
  return [
    ...(days === null ? [] : [missOf('days', days, run.days)]),
    ...(dollars === null || run.dollars === null ? [] : [missOf('usd', dollars, run.dollars.high)]),
  ];
};

const missOf = (target: Miss['target'], wanted: number, taken: number): Miss => ({
  target,
  wanted,
  taken,
  excess: taken - wanted,
});
