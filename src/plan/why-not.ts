/** What became of the layouts that somebody has in mind: refused, too large, too slow by their bound, or simulated. */
import type { Job } from '../scenario/job.ts';
import type { Scenario } from '../scenario/scenario.ts';
import { bound } from '../sim/bound.ts';
import type { Term } from '../sim/evaluation.ts';
import { TERMS } from '../sim/evaluation.ts';
import { folded } from '../sim/folded.ts';
import type { ProfileCache } from '../sim/cache.ts';
import { profileCache } from '../sim/cache.ts';
import type { Bytes, Seconds } from '../units/quantity.ts';
import { bytes, seconds } from '../units/quantity.ts';
import type { Fixed } from './explain.ts';
import { matching } from './explain.ts';
import { busiestOf } from './busiest.ts';
import { candidateOf } from './outlook.ts';
import type { Candidate } from './plan.ts';
import { ruleAgainst } from './rules.ts';
import { memoryLimit } from './task.ts';
import type { TrialOptions } from './trial.ts';
import { bestOf, tryOut } from './trial.ts';

/** A layout that fits, and where it loses against the winner. */
export interface Rival {
  readonly candidate: Candidate;
  /** The term that grew most against the winner on the busiest stage, and by how much; null for one that is no slower. */
  readonly loses: { readonly term: Term; readonly by: Seconds } | null;
}

export interface TooLarge {
  readonly job: Job;
  readonly stage: number;
  readonly peak: Bytes;
  /** By how much it is more than a plan may use. */
  readonly over: Bytes;
}

/** The layouts that match, by what became of them; the counts add up to `matching`. */
export interface WhyNot {
  readonly scenario: Scenario;
  readonly fixed: Fixed;
  readonly winner: Candidate | null;
  /** True when the winner itself matches. */
  readonly isWinner: boolean;
  readonly matching: number;
  readonly byRule: number;
  readonly byMemory: number;
  readonly byBound: number;
  readonly simulated: number;
  /** Legal ones that were not looked at, because there are too many of them. */
  readonly unseen: number;
  /** Each rule and how many layouts it refused, the commonest first. */
  readonly rules: readonly (readonly [rule: string, count: number])[];
  /** The one that comes nearest to fitting. */
  readonly nearest: TooLarge | null;
  /** The least bound of those that cannot be as fast as the winner. */
  readonly leastBound: Seconds | null;
  /** The fastest of those that were simulated, fastest first. */
  readonly rivals: readonly Rival[];
  readonly complete: boolean;
}

/** So many legal layouts are bounded, the first; of those that fit, so many are simulated, those with the least bounds. */
export const BOUNDS_MAX = 4_096;
export const SIMULATED_MAX = 64;
const RIVALS = 5;
/** Between so many layouts an interrupt is seen. */
const BREATH = 64;
const RULES_A_BREATH = 16_384;

export interface WhyNotOptions extends TrialOptions {
  /** Lets the process look up, so that an interrupt is seen. */
  readonly pause: () => Promise<void>;
}

export const searchWhyNot = async (scenario: Scenario, fixed: Fixed, options: WhyNotOptions): Promise<WhyNot> => {
  const trial = await tryOut(scenario, options, 'all');
  const winner = bestOf(trial);
  const inquiry = new Inquiry(scenario, winner, options);
  await inquiry.admit(matching(scenario, fixed));
  await inquiry.bound();
  await inquiry.simulate();
  const complete = trial.complete && !options.isInterrupted();
  return { scenario, fixed, winner, complete, ...inquiry.verdicts() };
};

interface Bounded {
  readonly job: Job;
  readonly step: Seconds;
}

/** Every layout moves from `legal` to where its verdict belongs. */
class Inquiry {
  readonly #scenario: Scenario;
  readonly #winner: Candidate | null;
  readonly #options: WhyNotOptions;
  readonly #cache: ProfileCache = profileCache();
  readonly #rules = new Map<string, number>();
  /** The first of the legal ones; there may be millions. */
  readonly #legal: Job[] = [];
  readonly #slow: Seconds[] = [];
  readonly #rivals: Rival[] = [];
  #open: Bounded[] = [];
  #nearest: TooLarge | null = null;
  #matching = 0;
  #legalCount = 0;
  #byMemory = 0;
  #isWinner = false;

  constructor(scenario: Scenario, winner: Candidate | null, options: WhyNotOptions) {
    this.#scenario = scenario;
    this.#winner = winner;
    this.#options = options;
  }

  async admit(jobs: Iterable<Job>): Promise<void> {
    for (const job of jobs) {
      if (this.#matching % RULES_A_BREATH === 0 && (await this.#isStopped(0))) break;
      this.#matching++;
      const rule = ruleAgainst(job);
      if (rule !== null) this.#rules.set(rule, (this.#rules.get(rule) ?? 0) + 1);
      else if (this.#legalCount++ < BOUNDS_MAX) this.#legal.push(job);
      this.#isWinner ||= this.#winner !== null && isSame(this.#winner.job, job);
    }
  }

  async bound(): Promise<void> {
    for (const [index, job] of this.#legal.entries()) {
      if (await this.#isStopped(index)) break;
      const { outlook, evaluation } = candidateOf(job, bound(job, this.#cache));
      if (!this.#isTooLarge(job, outlook.memory)) this.#open.push({ job, step: evaluation.step });
    }
    this.#open.sort((a, b) => a.step - b.step);
  }

  async simulate(): Promise<void> {
    const asked = this.#open.splice(0, SIMULATED_MAX);
    for (const [index, one] of asked.entries()) {
      // Those that are left keep their bound, which may be verdict enough.
      if (await this.#isStopped(index)) {
        this.#open.unshift(...asked.slice(index));
        break;
      }
      this.#judge(one.job);
    }
    const fastest = this.#winner?.evaluation.step ?? Infinity;
    this.#slow.push(...this.#open.flatMap(({ step }) => (step >= fastest ? [step] : [])));
    this.#rivals.sort((a, b) => a.candidate.evaluation.step - b.candidate.evaluation.step);
  }

  verdicts(): Omit<WhyNot, 'scenario' | 'fixed' | 'winner' | 'complete'> {
    const [matched, byMemory, simulated] = [this.#matching, this.#byMemory, this.#rivals.length];
    const [byRule, byBound] = [matched - this.#legalCount, this.#slow.length];
    return {
      isWinner: this.#isWinner,
      matching: matched,
      byRule,
      byMemory,
      byBound,
      simulated,
      unseen: matched - byRule - byMemory - byBound - simulated,
      rules: [...this.#rules].toSorted(([, a], [, b]) => b - a),
      nearest: this.#nearest,
      leastBound: this.#slow[0] ?? null,
      rivals: this.#rivals.slice(0, RIVALS),
    };
  }

  #judge(job: Job): void {
    const candidate = candidateOf(job, folded(job, this.#cache));
    if (this.#isTooLarge(job, candidate.outlook.memory)) return;
    this.#rivals.push({ candidate, loses: growthOf(this.#winner, candidate) });
  }

  #isTooLarge(job: Job, { stage, peak }: Candidate['outlook']['memory']): boolean {
    const limit = memoryLimit(this.#scenario);
    if (peak <= limit) return false;
    const over = bytes(peak - limit);
    this.#byMemory++;
    if (this.#nearest === null || over < this.#nearest.over) this.#nearest = { job, stage, peak, over };
    return true;
  }

  async #isStopped(index: number): Promise<boolean> {
    if (index % BREATH === 0) await this.#options.pause();
    return this.#options.isInterrupted();
  }
}

/** Plain data, made in one way: equal jobs have equal text. */
const isSame = (a: Job, b: Job): boolean =>
  a.devices === b.devices && a.layout.tp === b.layout.tp && a.layout.pp === b.layout.pp && textOf(a) === textOf(b);
const textOf = ({ devices, layout, precision, recompute, offload }: Job): string =>
  JSON.stringify([
    devices,
    Object.entries(layout).toSorted(([a], [b]) => (a < b ? -1 : 1)),
    precision,
    recompute,
    offload,
  ]);

const growthOf = (winner: Candidate | null, rival: Candidate): Rival['loses'] => {
  if (winner === null || rival.evaluation.step <= winner.evaluation.step) return null;
  const [before, after] = [busiestOf(winner.evaluation).terms, busiestOf(rival.evaluation).terms];
  const growth = (term: Term): number => after[term] - before[term];
  const term = TERMS.reduce((most, one) => (growth(one) > growth(most) ? one : most));
  return { term, by: seconds(growth(term)) };
};
