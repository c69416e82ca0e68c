/** How many devices a job needs at least: a deterministic search over device counts, which claims no more than it has seen. */
import type { Scenario } from '../scenario/scenario.ts';
import { enumerate, jobAt } from './enumerate.ts';
import { climb } from './ladder.ts';
import type { Candidate } from './plan.ts';
import { holdsStates } from './remedies.ts';
import { ruleAgainst } from './rules.ts';
import type { Target } from './target.ts';
import { meets } from './target.ts';
import type { Trial, TrialOptions } from './trial.ts';
import { bestOf, tryOut } from './trial.ts';

export interface CountTried {
  readonly devices: number;
  readonly trial: Trial;
  /** True when there is a plan that meets the target. */
  readonly serves: boolean;
}

export interface FewestDevices {
  readonly scenario: Scenario;
  /** Null asks for any plan that fits. */
  readonly target: Target | null;
  /** The best plan on the fewest devices that serve; null when none did. */
  readonly fewest: Candidate | null;
  /** By number of devices. */
  readonly tried: readonly CountTried[];
  /** Fewer devices than these cannot hold weights, gradients and optimizer states once, whatever the layout. */
  readonly leastForStates: number;
  /** Counts below the fewest, or of all where none serves, that were never tried: while there are any, one may do. */
  readonly untried: readonly number[];
  readonly complete: boolean;
}

export interface FewestQuestion {
  readonly scenario: Scenario;
  readonly target: Target | null;
  /** More devices than these are not tried. */
  readonly most: number;
}

/** Below a node powers of two are tried, from there on whole nodes. */
export const searchFewest = async (question: FewestQuestion, options: TrialOptions): Promise<FewestDevices> => {
  const { scenario, target } = question;
  const leastForStates = statesFrom(question);
  const [parts, untried] = await inParts(question, { leastForStates, options });
  const inOrder = [...parts].toSorted((a, b) => a.devices - b.devices);
  const least = inOrder.find(({ serves }) => serves);
  const final = least === undefined ? null : await atBest(least, options);
  const tried = inOrder.map((one) => (one === least && final !== null ? final : one));
  const fewest = final === null ? null : bestOf(final.trial);
  return { scenario, target, fewest, tried, leastForStates, untried, complete: !options.isInterrupted() };
};

interface Course {
  readonly leastForStates: number;
  readonly options: TrialOptions;
}

const inParts = async (
  { scenario, target, most }: FewestQuestion,
  { leastForStates, options }: Course,
): Promise<readonly [tried: readonly CountTried[], untried: readonly number[]]> => {
  const tried: CountTried[] = [];
  const look = async (devices: number): Promise<CountTried> => {
    const one = await triedOn(withDevices(scenario, devices), target, options);
    tried.push(one);
    return one;
  };
  const node = scenario.cluster.devicesPerNode;
  for (let devices = 1; devices < node && devices <= most; devices *= 2) {
    if (devices < leastForStates) continue;
    if (options.isInterrupted() || (await look(devices)).serves) return [tried, []];
  }
  const { unseen } = await climb({
    least: Math.max(1, Math.ceil(leastForStates / node)),
    most: Math.floor(most / node),
    isPossible: (nodes) => hasLegalLayout(withDevices(scenario, nodes * node)),
    look: async (nodes) => {
      const found = await look(nodes * node);
      return { holds: found.serves, found };
    },
    isInterrupted: options.isInterrupted,
  });
  return [tried, unseen.map((nodes) => nodes * node)];
};

const withDevices = (scenario: Scenario, devices: number): Scenario => ({ ...scenario, devices: [devices] });

const triedOn = async (scenario: Scenario, target: Target | null, options: TrialOptions): Promise<CountTried> => {
  const trial = await tryOut(scenario, options, target === null ? 'any' : 'all');
  const best = bestOf(trial);
  return { devices: scenario.devices[0]!, trial, serves: best !== null && (target === null || meets(best, target)) };
};

/** Where any plan was enough so far, the best on that many devices is looked for at the end. */
const atBest = async (least: CountTried, options: TrialOptions): Promise<CountTried> => {
  const trial = await tryOut(least.trial.scenario, options, 'all');
  return bestOf(trial) === null ? least : { ...least, trial };
};

/** What is on the host needs no device, so with an optimizer there nothing is known beforehand. */
const statesFrom = ({ scenario, most }: FewestQuestion): number => {
  if (scenario.offload?.some(({ optimizer }) => optimizer !== 'none') ?? scenario.search === 'whole') return 1;
  let [low, high] = [1, most + 1];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (holdsStates(withDevices(scenario, middle))) high = middle;
    else low = middle + 1;
  }
  return low;
};

const hasLegalLayout = (scenario: Scenario): boolean => {
  for (const point of enumerate(scenario)) if (ruleAgainst(jobAt(scenario, point)) === null) return true;
  return false;
};
