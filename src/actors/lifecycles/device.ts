/** The life of a card: healthy, slow, failed, and recovering after it was replaced. */
import type { SnapshotFrom } from 'xstate';
import { setup } from 'xstate';
import type { Seconds } from '../../units/quantity.ts';

type DeviceEvent =
  | { readonly type: 'degrade' }
  | { readonly type: 'restore' }
  | { readonly type: 'fail' }
  | { readonly type: 'replace' };

export const deviceLifecycle = setup({
  types: {} as {
    events: DeviceEvent;
    context: { readonly restart: Seconds };
    input: { readonly restart: Seconds };
  },
  delays: {
    /** From the replacement of a card to the moment when it computes again. */
    restart: ({ context }) => context.restart,
  },
}).createMachine({
  id: 'device',
  context: ({ input }) => ({ restart: input.restart }),
  initial: 'healthy',
  states: {
    healthy: { on: { degrade: 'slow', fail: 'failed' } },
    slow: { on: { restore: 'healthy', fail: 'failed' } },
    failed: { on: { replace: 'recovering' } },
    /** The replacement may fail as well, and its restart begins anew with the next one. */
    recovering: { on: { fail: 'failed' }, after: { restart: 'healthy' } },
  },
});

export type DeviceState = SnapshotFrom<typeof deviceLifecycle>['value'];

/** The speed of the card's compute as a share of a healthy card's; `slowdown` is how many times longer a slow card takes. */
export const DEVICE_SPEED: Readonly<Record<DeviceState, (slowdown: number) => number>> = {
  healthy: () => 1,
  slow: (slowdown) => 1 / slowdown,
  failed: () => 0,
  recovering: () => 0,
};
