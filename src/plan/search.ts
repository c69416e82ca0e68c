/** Finds the best layouts of a scenario, or says why there is none. */
import type { Scenario } from '../scenario/scenario.ts';
import type { SearchOptions } from './findings.ts';
import { findingsOf } from './findings.ts';
import { FASTEST, frontOf } from './front.ts';
import { infeasible } from './infeasible.ts';
import { neighboursOf } from './neighbours.ts';
import type { Infeasible, Plan } from './plan.ts';

export const search = async (scenario: Scenario, options: SearchOptions): Promise<Plan | Infeasible> => {
  const findings = await findingsOf(scenario, options, 'all');
  const [winner, ...rest] = findings.candidates;
  if (winner === undefined) return infeasible(scenario, findings, options);
  const { counts, complete } = findings;
  return {
    kind: 'plan',
    scenario,
    winner,
    runnersUp: rest.slice(0, FASTEST - 1),
    front: frontOf(findings.candidates),
    neighbours: neighboursOf(scenario, winner),
    counts,
    complete,
  };
};
