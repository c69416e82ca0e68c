/** A run as it is watched: rows of losses from what the supervisor reports, and how far it is. */
import type { Phases } from '../effects/phase.ts';
import { PHASES } from '../effects/phase.ts';
import type { Spending } from '../exec/training/observation.ts';
import type { Job } from '../scenario/job.ts';
import { learningRateAt } from '../scenario/training.ts';
import type { Rank } from '../units/identity.ts';
import type { Bytes, Seconds } from '../units/quantity.ts';
import { bytes, seconds } from '../units/quantity.ts';
import { totalRecord } from '../units/total-record.ts';
import type { StepRow } from './loss-csv.ts';

/** What is known of a step when the supervisor reports it. */
export interface StepReport {
  readonly subject: 'step' | 'validation';
  readonly step: number;
  /** Mean of a token, in nats. */
  readonly loss: number;
  /** Of all gradients before they were clipped; null where nobody knew it. */
  readonly gradientNorm: number | null;
  /** What they were multiplied by; 0: the step was left out. */
  readonly gradientFactor: number;
  /** Since the run's threads were started. */
  readonly at: Seconds;
}

export interface RunProgress {
  readonly step: number;
  readonly steps: number;
  readonly loss: number | null;
  readonly validation: { readonly step: number; readonly loss: number } | null;
  /** Behind which the last checkpoint is whole. */
  readonly savedStep: number | null;
  readonly tokensPerSecond: number;
  readonly stepTime: Seconds;
  /** What a step's time went to lately, the mean over the ranks; null: not known yet. */
  readonly phases: Phases | null;
  /** What the fullest rank has held at most; null: not known yet. */
  readonly peakMemory: Bytes | null;
  /** Steps of this process whose gradients were not finite. */
  readonly leftOut: number;
}

/** How many of the last steps the shown speed is a mean of. */
const RECENT = 20;

/** Turns reports into rows. A step's row is complete once its validation, if it has one, has been heard of. */
export class RunWatch {
  readonly #job: Job;
  readonly #spendings = new Map<Rank, { readonly before: Spending | null; readonly last: Spending }>();
  #last: Seconds = seconds(0);
  #pending: StepRow | null = null;
  #validation: RunProgress['validation'] = null;
  #savedStep: number | null = null;
  #recent: Seconds[] = [];
  readonly #end: number;
  #step: number;
  #loss: number | null = null;
  #leftOut = 0;
  /** Steps, since the threads were started. */
  #heard = 0;

  /** `done`: the last step that was done before; `end`: the last one of this run. */
  constructor(job: Job, { done, end }: { readonly done: number; readonly end: number }) {
    this.#job = job;
    this.#step = done;
    this.#end = end;
  }

  /** The row that is complete now; null: not yet. */
  heard(report: StepReport): StepRow | null {
    if (report.subject === 'validation') return this.#validated(report);
    const row = this.#rowOf(report);
    this.#last = report.at;
    this.#step = report.step;
    this.#loss = report.loss;
    // The first one waited for threads to start: it counts only until there is another.
    this.#recent = this.#heard > 1 ? [...this.#recent.slice(1 - RECENT), row.time] : [row.time];
    this.#heard++;
    if (report.gradientFactor === 0) this.#leftOut++;
    if (!this.#isValidated(report.step)) return row;
    this.#pending = row;
    return null;
  }

  /** What a rank has used since its thread began. */
  spent(rank: Rank, last: Spending): void {
    this.#spendings.set(rank, { before: this.#spendings.get(rank)?.last ?? null, last });
  }
  saved(step: number): void {
    this.#savedStep = step;
  }

  /** The run goes on behind that step, with threads and clocks that start anew. */
  rewind(step: number): void {
    this.#step = step;
    this.#last = seconds(0);
    this.#pending = null;
    this.#heard = 0;
    this.#spendings.clear();
  }

  get progress(): RunProgress {
    const { globalBatch, sequence } = this.#job.workload;
    const stepTime = seconds(this.#recent.reduce((sum, time) => sum + time, 0) / Math.max(1, this.#recent.length));
    return {
      step: this.#step,
      steps: this.#end,
      loss: this.#loss,
      validation: this.#validation,
      savedStep: this.#savedStep,
      tokensPerSecond: stepTime === 0 ? 0 : (globalBatch * sequence) / stepTime,
      stepTime,
      phases: this.#phases(stepTime),
      peakMemory: this.peakMemory,
      leftOut: this.#leftOut,
    };
  }

  /** What the fullest rank has held at most. */
  get peakMemory(): Bytes | null {
    const peaks = [...this.#spendings.values()].map(({ last }) => last.memory.peak);
    return peaks.length === 0 ? null : bytes(Math.max(...peaks));
  }

  /** Shares of the ranks' time between the last two times that they told theirs, as parts of a step. */
  #phases(stepTime: Seconds): Phases | null {
    const all = [...this.#spendings.values()];
    // What a rank does until it first tells, and what it was set up with, is no part of a step.
    if (all.length < this.#job.devices || all.some(({ before }) => before === null)) return null;
    const since = totalRecord(PHASES, (phase) =>
      all.reduce((total, { before, last }) => total + last.phases[phase] - (before?.phases[phase] ?? 0), 0),
    );
    const whole = PHASES.reduce((total, phase) => total + since[phase], 0);
    return whole === 0 ? null : totalRecord(PHASES, (phase) => seconds((stepTime * since[phase]) / whole));
  }

  #validated({ loss, at, step }: StepReport): StepRow | null {
    // The time of a validation is no step's.
    this.#last = at;
    this.#validation = { step, loss };
    const row = this.#pending;
    this.#pending = null;
    return row === null ? null : { ...row, validationLoss: loss };
  }

  #isValidated(step: number): boolean {
    const { validation } = this.#job.training;
    return validation !== null && (step % validation.every === 0 || step === this.#end);
  }

  #rowOf({ step, loss, gradientNorm, gradientFactor, at }: StepReport): StepRow {
    const { workload, training } = this.#job;
    const tokens = workload.globalBatch * workload.sequence;
    const time = seconds(at - this.#last);
    return {
      step,
      tokens: step * tokens,
      loss,
      learningRate: learningRateAt(training, step),
      gradientNorm: gradientNorm ?? Number.NaN,
      gradientFactor,
      time,
      tokensPerSecond: tokens / time,
      validationLoss: null,
    };
  }
}
