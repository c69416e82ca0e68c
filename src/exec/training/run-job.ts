/** Sees a job through to its last step: ranks that die are started again from the last checkpoint. */
import { join } from 'node:path';
import { createActor } from 'xstate';
import { jobLifecycle } from '../../actors/lifecycles/job.ts';
import type { Rank } from '../../units/identity.ts';
import { stepName } from '../checkpoint/folder.ts';
import { RankFailure } from '../launch.ts';
import type { Observation } from './observation.ts';
import type { Origin, SharedOrder } from './order.ts';
import type { TrainedJob, TrainingRun, Watching } from './train.ts';
import { train } from './train.ts';

/** Failures one after another without a new checkpoint between them, behind which a job is given up. */
const FAILURES_MAX = 3;

export interface Recovery {
  readonly failure: RankFailure;
  /** The last step that is not lost; 0: the run begins again. */
  readonly step: number;
}
export interface JobWatching extends Watching {
  readonly onRecovery: (recovery: Recovery) => void;
}

export interface JobEnd {
  /** False when it was stopped before. */
  readonly isComplete: boolean;
  readonly step: number;
  readonly trained: TrainedJob;
}
export interface JobRun {
  readonly ended: Promise<JobEnd>;
  /** Ends the job behind its present step, with a checkpoint if it saves any. */
  stop(): void;
  /** Ends the thread of a rank at once. */
  kill(rank: Rank): void;
}

interface State {
  isStopped: boolean;
  /** The last step that was heard of. */
  step: number;
  /** The last step that was saved. */
  saved: number | null;
  run: TrainingRun | null;
}
/** Where an attempt begins. */
interface Place {
  readonly origin: Origin;
  readonly first: number;
}

export const runJob = (order: SharedOrder, watching: JobWatching): JobRun => {
  const { saving, itinerary } = order;
  const lifecycle = createActor(jobLifecycle).start();
  const state: State = { isStopped: false, step: itinerary.first - 1, saved: null, run: null };
  const onObservation = (observation: Observation): void => {
    state.step = observation.step;
    watching.onObservation(observation);
  };
  const onSaved = (step: number): void => {
    state.saved = step;
    watching.onSaved?.(step);
  };

  /** Runs from there to the end, or to the next failure. */
  const attempt = async (origin: Origin, first: number): Promise<TrainedJob | RankFailure> => {
    state.run = train(
      { ...order, origin, itinerary: { ...itinerary, first } },
      { ...watching, onObservation, onSaved },
    );
    if (state.isStopped) state.run.stop();
    try {
      return await state.run.ended;
    } catch (error) {
      if (error instanceof RankFailure && !isFinal(error)) return error;
      throw error;
    }
  };

  const seeThrough = async (): Promise<JobEnd> => {
    lifecycle.send({ type: 'place' });
    lifecycle.send({ type: 'train' });
    const start: Place = { origin: order.origin, first: itinerary.first };
    let at = start;
    for (let failures = 0; ;) {
      const outcome = await attempt(at.origin, at.first);
      if (!(outcome instanceof RankFailure)) {
        lifecycle.send({ type: 'finish' });
        return { isComplete: state.step >= itinerary.last, step: state.step, trained: outcome };
      }
      lifecycle.send({ type: 'fail' });
      const again = saving === null || state.saved === null ? start : savedAt(saving.folder, state.saved);
      failures = again.first > at.first ? 0 : failures + 1;
      // Only a job that recovers is started again.
      if (!lifecycle.getSnapshot().matches('recovering') || failures >= FAILURES_MAX) throw outcome;
      at = again;
      watching.onRecovery({ failure: outcome, step: at.first - 1 });
      lifecycle.send({ type: 'recover' });
    }
  };
  return {
    ended: seeThrough(),
    stop: () => {
      state.isStopped = true;
      state.run?.stop();
    },
    kill: (rank) => state.run?.kill(rank),
  };
};

/** What a checkpoint could not be written for will not go away by beginning again, and neither will a divergence. */
const isFinal = ({ origin }: RankFailure): boolean => FINAL.has(origin);
const FINAL: ReadonlySet<string> = new Set(['CheckpointFault', 'Divergence']);

/** A checkpoint that this job has saved: what else lies in the folder is of an earlier run, which may have been another. */
const savedAt = (folder: string, step: number): Place => ({
  origin: { kind: 'checkpoint', path: join(folder, stepName(step)) },
  first: step + 1,
});
