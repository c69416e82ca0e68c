/** One search a value of some key of the scenario, and how well more devices are used. */
import type { Scenario } from '../scenario/scenario.ts';
import type { Trial, TrialOptions } from './trial.ts';
import { bestOf, tryOut } from './trial.ts';

/** A value to try: the scenario with it, or why there is none. */
export interface Swept {
  readonly value: string;
  readonly scenario: Scenario | { readonly refusal: string };
}

export interface SweepRow {
  readonly value: string;
  readonly trial: Trial | { readonly refusal: string };
  /** Tokens a second of one device, as a share of the first feasible value's; null where there is no plan. */
  readonly efficiency: number | null;
}

export interface Sweep {
  readonly key: string;
  readonly rows: readonly SweepRow[];
  /** False when it was interrupted: the last row may be unfinished, and later values are missing. */
  readonly complete: boolean;
}

export const searchSweep = async (
  key: string,
  { values, options }: { readonly values: readonly Swept[]; readonly options: TrialOptions },
): Promise<Sweep> => {
  const rows: Omit<SweepRow, 'efficiency'>[] = [];
  for (const { value, scenario } of values) {
    if (options.isInterrupted()) break;
    rows.push({ value, trial: 'refusal' in scenario ? scenario : await tryOut(scenario, options, 'all') });
  }
  const first = rows.map(rateOf).find((rate) => rate !== null) ?? null;
  const isWhole = rows.every(({ trial }) => 'refusal' in trial || trial.complete);
  return {
    key,
    rows: rows.map((row) => ({ ...row, efficiency: shareOf(rateOf(row), first) })),
    complete: rows.length === values.length && isWhole,
  };
};

const rateOf = ({ trial }: Pick<SweepRow, 'trial'>): number | null =>
  'refusal' in trial ? null : (bestOf(trial)?.outlook.tokensPerSecondPerDevice ?? null);
const shareOf = (rate: number | null, first: number | null): number | null =>
  rate === null || first === null ? null : rate / first;
