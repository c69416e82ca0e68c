/** The life of a training job: placed on cards, training, now and then checkpointing or recovering, and finally done. */
import type { SnapshotFrom } from 'xstate';
import { setup } from 'xstate';

/** `resume` ends a checkpoint, `recover` a recovery: the ranks are placed anew and have loaded the last checkpoint. */
type JobEvent =
  | { readonly type: 'place' }
  | { readonly type: 'train' }
  | { readonly type: 'checkpoint' }
  | { readonly type: 'resume' }
  | { readonly type: 'fail' }
  | { readonly type: 'recover' }
  | { readonly type: 'finish' };

export const jobLifecycle = setup({ types: {} as { events: JobEvent } }).createMachine({
  id: 'job',
  initial: 'waiting',
  states: {
    waiting: { on: { place: 'placing' } },
    placing: { on: { train: 'training', fail: 'recovering' } },
    training: { on: { checkpoint: 'checkpointing', fail: 'recovering', finish: 'done' } },
    /** A checkpoint that a failure cuts short is void: the job goes back to the one before it. */
    checkpointing: { on: { resume: 'training', fail: 'recovering' } },
    /** A card may fail while the job recovers from another one: the recovery begins anew. */
    recovering: { on: { recover: 'training', fail: 'recovering' } },
    done: { type: 'final' },
  },
});

export type JobState = SnapshotFrom<typeof jobLifecycle>['value'];

/** What the job's cards are paid for at a moment: steps that count, or the price of keeping the job alive. */
export const JOB_SPENDS: Readonly<Record<JobState, 'nothing' | 'progress' | 'overhead'>> = {
  waiting: 'nothing',
  placing: 'overhead',
  training: 'progress',
  checkpointing: 'overhead',
  recovering: 'overhead',
  done: 'nothing',
};
