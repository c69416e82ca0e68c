/** One question of several: its best layout, or why it has none. The planner's longer questions are made of these. */
import type { Scenario } from '../scenario/scenario.ts';
import type { Findings, SearchOptions } from './findings.ts';
import { findingsOf } from './findings.ts';
import { bindingOf } from './infeasible.ts';
import type { Candidate, Infeasible } from './plan.ts';

export type TrialOptions = Omit<SearchOptions, 'alternatives'>;
export type Binding = Infeasible['binding'];

/** `any`: the first layout that fits is enough, `all`: the best is wanted. */
export type Enough = Parameters<typeof findingsOf>[2];

export type Outcome =
  | { readonly kind: 'plan'; readonly best: Candidate }
  | { readonly kind: 'infeasible'; readonly binding: Binding }
  /** Interrupted before anything was known. */
  | { readonly kind: 'unfinished' };

export interface Trial {
  readonly scenario: Scenario;
  readonly outcome: Outcome;
  /** False when the search was interrupted: the best is the best so far. */
  readonly complete: boolean;
}

export const tryOut = async (scenario: Scenario, options: TrialOptions, enough: Enough): Promise<Trial> => {
  const findings = await findingsOf(scenario, options, enough);
  const isKnown = !options.isInterrupted() || findings.complete;
  return { scenario, outcome: outcomeOf(scenario, findings), complete: isKnown };
};

const outcomeOf = (scenario: Scenario, findings: Findings): Outcome => {
  const [best] = findings.candidates;
  if (best !== undefined) return { kind: 'plan', best };
  return findings.complete ? { kind: 'infeasible', binding: bindingOf(scenario, findings) } : { kind: 'unfinished' };
};

/** The best layout of a trial that has one. */
export const bestOf = ({ outcome }: Pick<Trial, 'outcome'>): Candidate | null =>
  outcome.kind === 'plan' ? outcome.best : null;
