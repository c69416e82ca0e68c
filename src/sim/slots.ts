/** A stage's list of slots as the rungs read it: which piece of the stage's work each slot is, and which message it waits for. */
import { isWhole } from '../actors/pipeline-stage.ts';
import type { MicrobatchRange } from '../actors/schedules/placement.ts';
import { microbatchesThrough, placementOf } from '../actors/schedules/placement.ts';
import { scheduleNamed } from '../actors/schedules/schedule.ts';
import type { Slot } from '../actors/schedules/slot.ts';
import { chunkOf, isJoined, microbatchOf, passOf } from '../actors/schedules/slot.ts';
import type { Layout, ScheduleName } from '../scenario/job.ts';
import { stage as stageOf } from '../units/identity.ts';
import type { PassKind, PassPlace } from './stage-alone.ts';
import { PASS_KINDS, PASS_PLACES } from './stage-alone.ts';

/** A list in columns, for it is read millions of times. */
export interface SlotList {
  readonly slots: readonly Slot[];
  /** Which of the stage's pieces each slot is: an index of `StageAlone.pieces`, or `NO_PIECE`. */
  readonly pieces: Int16Array;
  /** Among the messages to the stage the one of each slot's chunk, microbatch and direction. */
  readonly messages: Int32Array;
  /** How often each piece occurs. */
  readonly counts: Int32Array;
}
/** Of a weight pass that was a part of the backward it is joined to. */
export const NO_PIECE = -1;

export interface SlotCache {
  /** By pipeline and microbatches, then by stage. */
  readonly slots: Map<string, SlotList[]>;
}

/** The lists of a pipeline's stages. */
export interface SlotLists {
  readonly microbatches: number;
  readonly of: (stage: number) => SlotList;
}

/** `microbatches` may be fewer than the job's. */
export const slotLists = (layout: Layout, microbatches: number, { slots }: SlotCache): SlotLists => {
  const { pp, vp, schedule } = layout;
  const key = `${schedule} ${pp} ${vp} ${microbatches}`;
  let lists = slots.get(key);
  if (lists === undefined) slots.set(key, (lists = []));
  const known = lists;
  return { microbatches, of: (stage) => (known[stage] ??= listOf(layout, microbatches, stage)) };
};

const listOf = (layout: Layout, microbatches: number, stage: number): SlotList => {
  const { pp, vp, schedule } = layout;
  const slots = scheduleNamed(schedule).slots({ stage: stageOf(stage), stages: pp, microbatches, chunks: vp });
  const placement = placementOf(schedule);
  const ranges = Array.from({ length: vp }, (_, chunk) => microbatchesThrough(placement, chunk, microbatches));
  const pieces = Int16Array.from(slots, (slot, index) => {
    const kind = kindOf(slots, index, schedule);
    return kind === null ? NO_PIECE : pieceIndex(kind, chunkOf(slot), placeOf(slot, ranges[chunkOf(slot)]!));
  });
  const messages = Int32Array.from(slots, (slot) => messageIndex(slot, microbatches));
  const counts = new Int32Array(PASS_KINDS.length * vp * PASS_PLACES.length);
  for (const piece of pieces) if (piece !== NO_PIECE) counts[piece]!++;
  return { slots, pieces, messages, counts };
};

const kindOf = (list: readonly Slot[], index: number, schedule: ScheduleName): PassKind | null => {
  const slot = list[index]!;
  switch (passOf(slot)) {
    case 'forward':
      return 'forward';
    case 'backward':
      return isWhole(scheduleNamed(schedule), slot) ? 'backward' : 'inputs';
    case 'weight': {
      const before = list[index - 1]!;
      return passOf(before) === 'backward' && isJoined(before) ? null : 'weights';
    }
  }
};

/** Which of the recorded passes stands for the slot. */
const placeOf = (slot: Slot, { start, end }: MicrobatchRange): PassPlace => {
  const index = microbatchOf(slot) - start;
  return index === 0 ? 'first' : index === end - start - 1 ? 'last' : index === 1 ? 'second' : 'middle';
};

/** Where a stage keeps the piece of a pass among all its pieces: by chunk, kind and place. */
export const pieceIndex = (kind: PassKind, chunk: number, place: PassPlace): number =>
  (chunk * PASS_KINDS.length + PASS_KINDS.indexOf(kind)) * PASS_PLACES.length + PASS_PLACES.indexOf(place);

/** Messages to one stage by chunk, microbatch and direction. */
const messageIndex = (slot: Slot, microbatches: number): number =>
  (chunkOf(slot) * microbatches + microbatchOf(slot)) * 2 + (passOf(slot) === 'forward' ? 0 : 1);
export const isForwardMessage = (message: number): boolean => (message & 1) === 0;
