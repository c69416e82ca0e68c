/** What is heard of a run while it trains, and where that is written down. */
import type { Observation, Spending } from '../exec/training/observation.ts';
import { gradientFactorOf, gradientNormOf, lossOf } from '../exec/training/observation.ts';
import type { JobRun, Recovery } from '../exec/training/run-job.ts';
import type { RunProgress, StepReport } from '../report/run-progress.ts';
import { RunWatch } from '../report/run-progress.ts';
import type { Job } from '../scenario/job.ts';
import type { Rank } from '../units/identity.ts';
import { rank } from '../units/identity.ts';
import { seconds } from '../units/quantity.ts';
import { failureText } from './failure-text.ts';
import type { Drill } from './run-options.ts';
import { RunRecord } from './run-record.ts';
import type { Setup } from './run-setup.ts';
import type { Start } from './run-start.ts';

export interface Telling {
  readonly drill: Drill | null;
  readonly say: (text: string) => void;
  readonly show: (progress: RunProgress) => void;
}

export class Diary {
  backend = '';
  recoveries = 0;
  running: JobRun | null = null;
  readonly #setup: Setup;
  readonly #telling: Telling;
  readonly #watch: RunWatch;
  #record: RunRecord;
  #drill: Drill | null;
  /** Why nothing more can be written down; the run is brought to its end then. */
  #fault: { readonly error: unknown } | null = null;

  constructor(setup: Setup, { first }: Start, telling: Telling) {
    this.#setup = setup;
    this.#telling = telling;
    this.#watch = new RunWatch(setup.job, { done: first - 1, end: setup.last });
    this.#record = new RunRecord(setup.folder, first - 1);
    this.#drill = telling.drill;
  }

  get rows(): RunRecord['rows'] {
    return this.#record.rows;
  }
  say(text: string): void {
    this.#telling.say(text);
  }

  readonly onObservation = (observation: Observation): void => {
    if (this.#fault !== null) return;
    this.#orEnd(() => this.#write(observation));
    this.#telling.show(this.#watch.progress);
    this.#drillIfDue(observation.step);
  };

  readonly onBackend = (name: string): void => {
    this.backend = name;
  };

  readonly onSpending = (of: Rank, spending: Spending): void => this.#watch.spent(of, spending);

  readonly onSaved = (step: number): void => {
    // What goes on behind a checkpoint finds the steps before it on record.
    this.#orEnd(() => this.#record.sync());
    this.#watch.saved(step);
    this.#telling.show(this.#watch.progress);
  };

  readonly onRecovery = ({ failure, step }: Recovery): void => {
    const who = failureText(failure, this.#setup.job);
    this.say(`${who}; the run goes on ${step === 0 ? 'from its start' : `behind step ${step}`}`);
    this.recoveries++;
    this.#record.close(this.#setup.name);
    this.#watch.rewind(step);
    this.#record = new RunRecord(this.#setup.folder, step);
  };

  close(): void {
    if (this.#fault !== null) throw this.#fault.error;
    this.#record.close(this.#setup.name);
  }
  /** Of two errors the first is the one to hear of. */
  giveUp(): void {
    try {
      this.#record.close(this.#setup.name);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
    }
  }

  #orEnd(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#fault ??= { error };
      this.running?.stop();
    }
  }
  #write(observation: Observation): void {
    const { job } = this.#setup;
    const row = this.#watch.heard(reportOf(job, observation));
    if (row !== null) this.#record.add({ row, devices: job.devices, peakMemory: this.#watch.peakMemory });
  }
  #drillIfDue(step: number): void {
    if (this.#drill === null || step < this.#drill.step) return;
    this.running?.kill(rank(this.#drill.rank));
    this.#drill = null;
  }
}

const reportOf = (job: Job, observation: Observation): StepReport => ({
  subject: observation.subject,
  step: observation.step,
  loss: lossOf(job, observation),
  gradientNorm: gradientNormOf(job, observation),
  gradientFactor: gradientFactorOf(job, observation),
  at: seconds(observation.at / 1e9),
});
