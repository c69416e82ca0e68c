/** Finds the best layouts of a scenario, or says why there is none, or that it was not given the time to know. */
import type { Scenario } from '../scenario/scenario.ts';
import type { SearchOptions } from './findings.ts';
import { findingsOf } from './findings.ts';
import { FASTEST, frontOf } from './front.ts';
import { infeasible } from './infeasible.ts';
import { neighboursOf } from './neighbours.ts';
import type { Answer } from './plan.ts';

export const search = async (scenario: Scenario, options: SearchOptions): Promise<Answer> => {
  const findings = await findingsOf(scenario, options, 'all');
  const [winner, ...rest] = findings.candidates;
  const { counts, complete } = findings;
  if (winner === undefined)
    return complete ? infeasible(scenario, findings, options) : { kind: 'unfinished', scenario, counts };
  return {
    kind: 'plan',
    scenario,
    winner,
    runnersUp: rest.slice(0, FASTEST - 1),
    front: frontOf(findings.candidates),
    neighbours: await neighboursOf(scenario, winner, options.pool),
    counts,
    complete,
  };
};
