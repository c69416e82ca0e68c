/** Writes a stage's list turn by turn: passes of a kind take the microbatches of a model chunk in their order. */
import { microbatch, modelChunk } from '../../units/identity.ts';
import type { MicrobatchRange } from './placement.ts';
import type { Pass, Slot } from './slot.ts';
import { joined, slot } from './slot.ts';

/** A pass through a model chunk, of whichever microbatch is next; `isJoined` as of a slot. */
export interface Step {
  readonly pass: Pass;
  readonly chunk: number;
  readonly isJoined: boolean;
}
export const step = (pass: Pass, chunk: number): Step => ({ pass, chunk, isJoined: false });
export const joinedStep = (pass: Pass, chunk: number): Step => ({ pass, chunk, isJoined: true });

/** Appends a turn's steps, so many times over. */
export type WriteTurns = (turns: number, steps: readonly Step[]) => void;

/** An empty list and its pen; steps of a model chunk whose microbatches, `ranges[chunk]`, are over leave nothing. */
export const slotWriter = (ranges: readonly MicrobatchRange[]): { slots: Slot[]; write: WriteTurns } => {
  const slots: Slot[] = [];
  const starts = (): number[] => ranges.map(({ start }) => start);
  const next: Record<Pass, number[]> = { forward: starts(), backward: starts(), weight: starts() };
  const writeStep = ({ pass, chunk, isJoined }: Step): void => {
    const index = next[pass][chunk]!++;
    if (index >= ranges[chunk]!.end) return;
    const written = slot(pass, microbatch(index), modelChunk(chunk));
    slots.push(isJoined ? joined(written) : written);
  };
  const write: WriteTurns = (turns, steps) => {
    for (let turn = 0; turn < turns; turn++) for (const one of steps) writeStep(one);
  };
  return { slots, write };
};
