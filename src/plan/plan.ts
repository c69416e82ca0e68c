/** The answer to a planner's question, as plain data: what `report/` prints and `--json` carries. */
import type { Job } from '../scenario/job.ts';
import type { Scenario } from '../scenario/scenario.ts';
import type { Evaluation } from '../sim/evaluation.ts';
import type { Bytes, Dollars, Joules, Seconds } from '../units/quantity.ts';

/** A range, low to high. */
export interface Range<Q extends number> {
  readonly low: Q;
  readonly high: Q;
}

/** Model FLOPs utilisation under the names in use, and hardware FLOPs utilisation beside them; shares of the dense peak. */
export interface Utilisation {
  /** Attention counted in full (Megatron-LM, PaLM). */
  readonly mfuFull: number;
  /** Attention counted below the diagonal only. */
  readonly mfuCausal: number;
  /** 6 N D: no attention at all. */
  readonly mfu6nd: number;
  /** Every FLOP executed, recomputation included. */
  readonly hfu: number;
  /** The number format whose peak the shares refer to. */
  readonly peakDtype: string;
}

/** What a step time means to the one who pays. `run` is null when the scenario names no number of tokens. */
export interface Outlook {
  readonly tokensPerSecond: number;
  readonly tokensPerDay: number;
  readonly tokensPerSecondPerDevice: number;
  readonly utilisation: Utilisation;
  /** The worst stage's peak against the card, and what is left. */
  readonly memory: { readonly stage: number; readonly peak: Bytes; readonly capacity: Bytes; readonly headroom: Bytes };
  readonly run: {
    readonly steps: number;
    readonly time: Seconds;
    readonly days: number;
    readonly deviceHours: number;
    /** Null where the cluster has no price. */
    readonly dollars: Range<Dollars> | null;
    readonly energy: Joules;
  } | null;
}

export interface Candidate {
  readonly job: Job;
  readonly evaluation: Evaluation;
  readonly outlook: Outlook;
}

/** What became of a layout: refused by a rule, too large, cannot win by its bound, or simulated. */
export type Verdict =
  | { readonly kind: 'rule'; readonly rule: string }
  | { readonly kind: 'memory'; readonly stage: number; readonly peak: Bytes; readonly limit: Bytes }
  | { readonly kind: 'bound'; readonly bound: Seconds }
  | { readonly kind: 'simulated'; readonly step: Seconds };

/** A layout one change away from the winner, and why it lost. */
export interface Neighbour {
  /** The change: `tp 8 -> 4, dp 16 -> 32`. */
  readonly change: string;
  readonly job: Job;
  readonly verdict: Verdict;
  /** In words, with the term that made the difference. */
  readonly reason: string;
}

/** Layouts by their verdict; together they are those considered, unless the search was interrupted. */
export interface SearchCounts {
  readonly considered: number;
  readonly byRule: number;
  readonly byMemory: number;
  readonly byBound: number;
  readonly simulated: number;
}

/** A change to the scenario after which a feasible plan exists: it was tried. */
export interface Fix {
  /** What to write, as `key: value` of the scenario. */
  readonly edits: readonly { readonly key: string; readonly value: string }[];
  readonly outcome: Candidate;
}

export interface Infeasible {
  readonly kind: 'infeasible';
  readonly scenario: Scenario;
  /** The constraint that binds in the layout that comes nearest. */
  readonly binding: { readonly verdict: Verdict; readonly job: Job | null; readonly text: string };
  readonly fixes: readonly Fix[];
  readonly counts: SearchCounts;
}

export interface Plan {
  readonly kind: 'plan';
  readonly scenario: Scenario;
  readonly winner: Candidate;
  /** The next best layouts, the winner left out. */
  readonly runnersUp: readonly Candidate[];
  /** Candidates that no other beats in time, dollars and headroom at once, fastest first; the winner is the first. */
  readonly front: readonly Candidate[];
  readonly neighbours: readonly Neighbour[];
  readonly counts: SearchCounts;
  /** False when the search was interrupted: the winner is the best so far. */
  readonly complete: boolean;
}

/** The search was interrupted before any layout was simulated: neither that there is a plan is known nor that there is none. */
export interface Unfinished {
  readonly kind: 'unfinished';
  readonly scenario: Scenario;
  readonly counts: SearchCounts;
}

export type Answer = Plan | Infeasible | Unfinished;
