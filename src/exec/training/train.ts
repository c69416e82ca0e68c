/** Trains a job on threads of this machine, one a rank and one for the supervisor. */
import type { Phases } from '../../effects/phase.ts';
import type { Trace } from '../../effects/trace.ts';
import { supervisorOf } from '../../actors/device.ts';
import type { Rank } from '../../units/identity.ts';
import type { Crew } from '../launch.ts';
import { defaultSettings, launch } from '../launch.ts';
import { traceOf } from '../recorder.ts';
import type { CrewSettings, RankOutcome } from '../wire.ts';
import type { Observation, RankReport, Spending } from './observation.ts';
import type { SharedOrder } from './order.ts';

export interface Watching {
  readonly onObservation: (observation: Observation) => void;
  /** Once, when the ranks know what they compute with. */
  readonly onBackend?: (name: string) => void;
  /** A checkpoint is whole. */
  readonly onSaved?: (step: number) => void;
  /** Every so often, where time is counted. */
  readonly onSpending?: (rank: Rank, spending: Spending) => void;
  readonly settings?: Partial<CrewSettings>;
}

/** What came of a rank. */
export interface TrainedRank extends Omit<RankOutcome, 'result'> {
  /** Where its time went; null where nobody counted. */
  readonly phases: Phases | null;
}
export interface TrainedJob {
  /** The devices, in their order. */
  readonly ranks: readonly TrainedRank[];
  /** Empty unless the run was traced. */
  readonly trace: Trace;
}

export interface TrainingRun extends Pick<Crew, 'kill'> {
  readonly ended: Promise<TrainedJob>;
  /** Ends the run behind its present step, with a checkpoint if it saves any. */
  stop(): void;
}

/** src/exec/training and dist/exec/training: the thread's file stands beside this one. */
const threadFile = (): URL => new URL(import.meta.url.replace(/train\.(?<end>[jt]s)$/u, 'training-thread.$<end>'));

export const train = (
  { corpus, ...order }: SharedOrder,
  watching: Watching,
  thread: URL = threadFile(),
): TrainingRun => {
  const { job } = order;
  const rankCount = job.devices + 1;
  let hasBackend = false;
  const crew = launch({
    thread,
    rankCount,
    job: order,
    shared: corpus,
    settings: { ...defaultSettings(job.devices), ...watching.settings },
    idlers: [supervisorOf(job)],
    onReport: (rank, value) => {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the threads of this file say nothing else
      const report = value as RankReport;
      if (report.kind === 'observed') watching.onObservation(report.observation);
      else if (report.kind === 'spent') watching.onSpending?.(rank, report.spending);
      else if (report.kind === 'saved') watching.onSaved?.(report.step);
      else if (!hasBackend) {
        hasBackend = true;
        watching.onBackend?.(report.name);
      }
    },
  });
  return {
    ended: crew.ended.then((outcomes) => trainedJob(outcomes, supervisorOf(job))),
    stop: () => crew.askToEnd(),
    kill: (rank) => crew.kill(rank),
  };
};

const trainedJob = (outcomes: readonly RankOutcome[], supervisor: number): TrainedJob => {
  const logs = outcomes.map(({ log }) => log).filter((log) => log !== null);
  const ranks = outcomes
    .filter(({ rank }) => rank !== supervisor)
    .map(({ result, ...outcome }): TrainedRank => {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the thread's program returns
      return { ...outcome, phases: result as Phases | null };
    });
  return { ranks, trace: traceOf(logs) };
};
