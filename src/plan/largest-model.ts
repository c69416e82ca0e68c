/** The largest model of a family that trains on given devices, and what stands in the way of the next larger one. */
import { parameterCount } from '../scenario/parameters.ts';
import type { Model } from '../scenario/model.ts';
import type { Scenario } from '../scenario/scenario.ts';
import type { Purpose } from '../memory/purpose.ts';
import { PURPOSES } from '../memory/purpose.ts';
import type { Bytes } from '../units/quantity.ts';
import { explain } from './explain.ts';
import { climb } from './ladder.ts';
import type { Candidate } from './plan.ts';
import { holdsStates } from './remedies.ts';
import { LAYER_STEP, scaledModel } from './scaled-model.ts';
import type { Binding, Trial, TrialOptions } from './trial.ts';
import { bestOf, tryOut } from './trial.ts';

export interface SizeTried {
  readonly model: Model;
  readonly parameters: number;
  readonly trial: Trial;
}

/** Why the next larger model fails: what fills its leanest layout most. */
export interface Obstacle {
  readonly model: Model;
  readonly parameters: number;
  readonly binding: Binding;
  /** Null where a rule and not memory stands in the way. */
  readonly largest: { readonly stage: number; readonly purpose: Purpose; readonly size: Bytes } | null;
}

export interface LargestModel {
  readonly scenario: Scenario;
  /** The best plan of the largest model that was seen to fit. */
  readonly largest: Candidate | null;
  readonly obstacle: Obstacle | null;
  /** By size. */
  readonly tried: readonly SizeTried[];
  /** Models larger than the largest that were never tried: while there are any, one of them may fit. */
  readonly untried: number;
  readonly complete: boolean;
}

/** No model has more layers. */
const LAYERS_MAX = 1_000;

/** The scenario's model is the one that the family is like. Sizes are climbed down from the largest that could fit. */
export const searchLargest = async (scenario: Scenario, options: TrialOptions): Promise<LargestModel> => {
  const top = largestToTry(scenario);
  const sizes = new Map<number, SizeTried>();
  const { first, unseen } = await climb({
    least: 1,
    most: top,
    isPossible: () => true,
    look: async (rung) => {
      const size = top - rung + 1;
      const found = await triedAt(scenario, size, options);
      sizes.set(size, found);
      return { holds: bestOf(found.trial) !== null, found };
    },
    isInterrupted: options.isInterrupted,
  });
  const tried = [...sizes].toSorted(([a], [b]) => a - b).map(([, one]) => one);
  return {
    scenario,
    largest: first === null ? null : await bestAt(first.found, options),
    obstacle: obstacleOf(tried),
    tried,
    untried: unseen.length,
    complete: !options.isInterrupted(),
  };
};

const sizedLike = (scenario: Scenario, size: number): Scenario => ({
  ...scenario,
  model: scaledModel(scenario.model, size),
});

/** The smallest size that all devices together cannot hold the states of ends the ladder; it is tried too, as the proof. */
const largestToTry = (scenario: Scenario): number => {
  const last = Math.floor(LAYERS_MAX / LAYER_STEP);
  if (scenario.offload?.some(({ optimizer }) => optimizer !== 'none') ?? scenario.search === 'whole') return last;
  let size = 1;
  while (size < last && holdsStates(sizedLike(scenario, size))) size++;
  return size;
};

const triedAt = async (scenario: Scenario, size: number, options: TrialOptions): Promise<SizeTried> => {
  const sized = sizedLike(scenario, size);
  return {
    model: sized.model,
    parameters: parameterCount(sized.model),
    trial: await tryOut(sized, options, 'any'),
  };
};

const bestAt = async ({ trial }: SizeTried, options: TrialOptions): Promise<Candidate | null> =>
  bestOf(await tryOut(trial.scenario, options, 'all')) ?? bestOf(trial);

/** Of the models that were tried the next above the largest that fits. */
const obstacleOf = (tried: readonly SizeTried[]): Obstacle | null => {
  const next = tried[tried.findLastIndex(({ trial }) => bestOf(trial) !== null) + 1];
  if (next === undefined || next.trial.outcome.kind !== 'infeasible') return null;
  const { binding } = next.trial.outcome;
  return { model: next.model, parameters: next.parameters, binding, largest: largestPurpose(binding) };
};

const largestPurpose = ({ job, verdict }: Binding): Obstacle['largest'] => {
  if (job === null || verdict.kind !== 'memory') return null;
  const report = explain(job, 'bound').evaluation.stages.find(({ stage }) => stage === verdict.stage);
  if (report === undefined) throw new RangeError(`the verdict names stage ${verdict.stage}, which the job has not`);
  const { byPurpose } = report.memory;
  const purpose = PURPOSES.reduce((most, one) => (byPurpose[one] > byPurpose[most] ? one : most));
  return { stage: verdict.stage, purpose, size: byPurpose[purpose] };
};
