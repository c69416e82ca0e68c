/** What the copies of activations to the host and back cost a pass that nothing else holds up. */
import type { DeviceContext } from '../actors/device-context.ts';
import type { UnitForward } from '../actors/unit-pass.ts';
import { ownBlocks } from '../actors/unit-pass.ts';
import { instantZero, later } from '../units/quantity.ts';
import type { Machine } from './machine.ts';
import { hostTime } from './machine.ts';
import type { Profile } from './profile.ts';

/** Bytes that a unit keeps for its backward pass alone, and nanoseconds of their way to the host. */
export interface Movable {
  readonly movable: number;
  readonly copy: number;
}

/** From the profile of its forward pass; nothing of a job that offloads no activations. */
export const movableIn = ({ job, layer }: DeviceContext, machine: Machine, { result }: Profile): Movable => {
  if (job.offload.activations === 0) return { movable: 0, copy: 0 };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what a section of a unit's forward pass returns
  const blocks = ownBlocks(layer, (result as UnitForward).saved);
  return {
    movable: blocks.reduce((total, { size }) => total + size, 0),
    copy: blocks.reduce((total, { size }) => total + later(instantZero, hostTime(machine, size)), 0),
  };
};

/** A unit of a chunk: nanoseconds of its passes, and of a copy of what it keeps, 0 when that stays on the card. */
export interface UnitTimes {
  readonly forward: number;
  readonly backward: number;
  readonly copy: number;
}

/** A unit's copy starts when it is done, and is waited for behind the next unit, the last one at the end. */
export const forwardBeside = (units: readonly UnitTimes[]): number => {
  let [now, left] = [0, 0];
  for (const { forward, copy } of units) {
    now = Math.max(now + forward, left);
    left = now + copy;
  }
  return Math.max(now, left);
};

/** A unit's copy starts with the unit behind it, that of the last one at once, and is waited for ahead of its own work. */
export const backwardBeside = (units: readonly UnitTimes[]): number => {
  let now = 0;
  let back = units.at(-1)?.copy ?? 0;
  for (let index = units.length - 1; index >= 0; index--) {
    now = Math.max(now, back);
    back = now + (units[index - 1]?.copy ?? 0);
    now += units[index]!.backward;
  }
  return now;
};
