/** The life of a data loader: it reads one microbatch at a time and delivers it. */
import type { SnapshotFrom } from 'xstate';
import { setup } from 'xstate';

type LoaderEvent = { readonly type: 'read' } | { readonly type: 'deliver' };

export const loaderLifecycle = setup({ types: {} as { events: LoaderEvent } }).createMachine({
  id: 'loader',
  initial: 'idle',
  states: {
    idle: { on: { read: 'reading' } },
    reading: { on: { deliver: 'idle' } },
  },
});

export type LoaderState = SnapshotFrom<typeof loaderLifecycle>['value'];

/** True while a read keeps the host's storage and bus busy. */
export const LOADER_IS_BUSY: Readonly<Record<LoaderState, boolean>> = { idle: false, reading: true };
