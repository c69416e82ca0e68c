/** The life of a pipeline stage through a step: its pipeline fills, runs full, and drains. */
import type { SnapshotFrom } from 'xstate';
import { setup } from 'xstate';

/**
 * `fill` at the first forward, `steady` at the first backward, `drain` after the last forward, `finish` at the end. A stage
 * that has no forward left when its first backward starts (always with GPipe) drains before it was ever steady: it turns.
 */
type StageEvent =
  { readonly type: 'fill' } | { readonly type: 'steady' } | { readonly type: 'drain' } | { readonly type: 'finish' };

export const stageLifecycle = setup({ types: {} as { events: StageEvent } }).createMachine({
  id: 'stage',
  initial: 'idle',
  states: {
    idle: { on: { fill: 'filling' } },
    filling: { on: { steady: 'steady', drain: 'turning' } },
    turning: { on: { steady: 'draining' } },
    steady: { on: { drain: 'draining' } },
    draining: { on: { finish: 'idle' } },
  },
});

export type StageState = SnapshotFrom<typeof stageLifecycle>['value'];

/** The part of the schedule that the stage is in, in the words of Megatron-LM; null between two steps. */
export const STAGE_PHASE: Readonly<Record<StageState, 'warm-up' | 'steady' | 'cool-down' | null>> = {
  idle: null,
  filling: 'warm-up',
  turning: 'cool-down',
  steady: 'steady',
  draining: 'cool-down',
};
