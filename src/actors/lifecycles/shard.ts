/** The life of an optimizer shard through a step: gradients are reduced, weights updated, and published to the other ranks. */
import type { SnapshotFrom } from 'xstate';
import { setup } from 'xstate';

/**
 * `reduce` when the first gradient bucket goes out, or would go if the data axis had a second rank; `update` when the
 * optimizer starts; `publish` when the new weights are gathered, which a whole replica (ZeRO 0) need not do; `rest` at the
 * end of the step.
 */
type ShardEvent =
  { readonly type: 'reduce' } | { readonly type: 'update' } | { readonly type: 'publish' } | { readonly type: 'rest' };

export const shardLifecycle = setup({ types: {} as { events: ShardEvent } }).createMachine({
  id: 'shard',
  initial: 'idle',
  states: {
    idle: { on: { reduce: 'reducing' } },
    reducing: { on: { update: 'updating' } },
    updating: { on: { publish: 'publishing', rest: 'idle' } },
    publishing: { on: { rest: 'idle' } },
  },
});

export type ShardState = SnapshotFrom<typeof shardLifecycle>['value'];

/** True where all weights and optimizer states are of one step: only then may a checkpoint be taken. */
export const SHARD_IS_WHOLE: Readonly<Record<ShardState, boolean>> = {
  idle: true,
  reducing: true,
  updating: false,
  publishing: false,
};
