/** A run as it is watched: rows of losses from what the supervisor reports, and how far it is. */
import type { Job } from '../scenario/job.ts';
import { learningRateAt } from '../scenario/training.ts';
import type { Seconds } from '../units/quantity.ts';
import { seconds } from '../units/quantity.ts';
import type { StepRow } from './loss-csv.ts';

/** What is known of a step when the supervisor reports it. */
export interface StepReport {
  readonly subject: 'step' | 'validation';
  readonly step: number;
  /** Mean of a token, in nats. */
  readonly loss: number;
  /** Of all gradients before they were clipped; null where nobody knew it. */
  readonly gradientNorm: number | null;
  /** Since the run's threads were started. */
  readonly at: Seconds;
}

export interface RunProgress {
  readonly step: number;
  readonly steps: number;
  readonly loss: number | null;
  readonly validationLoss: number | null;
  readonly tokensPerSecond: number;
  readonly stepTime: Seconds;
}

/** How many of the last steps the shown speed is a mean of. */
const RECENT = 20;

/** Turns reports into rows. A step's row is complete once its validation, if it has one, has been heard of. */
export class RunWatch {
  readonly #job: Job;
  #last: Seconds = seconds(0);
  #pending: StepRow | null = null;
  #validationLoss: number | null = null;
  #recent: Seconds[] = [];
  #step: number;
  #loss: number | null = null;

  /** `after`: the last step that was done before. */
  constructor(job: Job, after: number) {
    this.#job = job;
    this.#step = after;
  }

  /** The row that is complete now; null: not yet. */
  heard(report: StepReport): StepRow | null {
    if (report.subject === 'validation') return this.#validated(report);
    const row = this.#rowOf(report);
    this.#last = report.at;
    this.#step = report.step;
    this.#loss = report.loss;
    this.#recent = [...this.#recent.slice(1 - RECENT), row.time];
    if (!this.#isValidated(report.step)) return row;
    this.#pending = row;
    return null;
  }

  /** The run goes on behind that step, with clocks that start anew. */
  rewind(step: number): void {
    this.#step = step;
    this.#last = seconds(0);
    this.#pending = null;
  }

  get progress(): RunProgress {
    const { globalBatch, sequence } = this.#job.workload;
    const stepTime = seconds(this.#recent.reduce((sum, time) => sum + time, 0) / Math.max(1, this.#recent.length));
    return {
      step: this.#step,
      steps: this.#job.training.steps,
      loss: this.#loss,
      validationLoss: this.#validationLoss,
      tokensPerSecond: stepTime === 0 ? 0 : (globalBatch * sequence) / stepTime,
      stepTime,
    };
  }

  #validated({ loss, at }: StepReport): StepRow | null {
    // The time of a validation is no step's.
    this.#last = at;
    this.#validationLoss = loss;
    const row = this.#pending;
    this.#pending = null;
    return row === null ? null : { ...row, validationLoss: loss };
  }

  #isValidated(step: number): boolean {
    const { validation, steps } = this.#job.training;
    return validation !== null && (step % validation.every === 0 || step === steps);
  }

  #rowOf({ step, loss, gradientNorm, at }: StepReport): StepRow {
    const { workload, training } = this.#job;
    const tokens = workload.globalBatch * workload.sequence;
    const time = seconds(at - this.#last);
    return {
      step,
      tokens: step * tokens,
      loss,
      learningRate: learningRateAt(training, step),
      gradientNorm: gradientNorm ?? Number.NaN,
      time,
      tokensPerSecond: tokens / time,
      validationLoss: null,
    };
  }
}
