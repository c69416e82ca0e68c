/** A schedule's lists run by themselves, apart from all that src/ says of them: who waits for whom, and what a stage then holds. */
import type { PassTimes, Pipeline, Seat } from '../../src/actors/schedules/pass-order.ts';
import type { Pass, Slot } from '../../src/actors/schedules/slot.ts';
import { chunkOf, isJoined, microbatchOf, passOf, slot } from '../../src/actors/schedules/slot.ts';
import { modelChunk, stage } from '../../src/units/identity.ts';
import type { TriedName } from './schedules.ts';
import { scheduleNamed } from './schedules.ts';

export interface Case extends Pipeline {
  readonly name: TriedName;
}

/** From 1. */
export const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

export const seatsOf = ({ stages, microbatches, chunks }: Case): Seat[] =>
  upTo(stages).map((s) => ({ stage: stage(s - 1), stages, microbatches, chunks }));
export const listsOf = (one: Case): (readonly Slot[])[] => seatsOf(one).map(scheduleNamed(one.name).slots);
export const word = (entry: Slot, pass: Pass = passOf(entry)): string =>
  `${pass} ${microbatchOf(entry)} ${chunkOf(entry)}`;

/** Of DualPipe's microbatches the first half goes through the first chunk of every stage, the second through the second. */
export const goesThrough = ({ name, microbatches }: Case, m: number, v: number): boolean =>
  name !== 'dualpipe' || m < microbatches / 2 === (v === 0);

/** One run of all lists, in units of time; `stuck`: how many passes never ran. */
interface Run {
  readonly step: number;
  /** Of one stage; of all it is the same. */
  readonly work: number;
  readonly starts: readonly number[];
  /** How long each stage waits between its first and its last pass. */
  readonly waits: readonly number[];
  readonly stuck: number;
}

/**
 * Runs all lists, each in its order and each pass as soon as what it needs is there; messages take no time. As a block,
 * joined passes begin when all of them can, and what they make is there when the last has ended.
 */
export const runAll = (one: Case, times: PassTimes, { asBlocks }: { asBlocks: boolean }): Run => {
  const lists = listsOf(one).map((list) => (asBlocks ? blocksIn(list) : list.map((entry) => [entry])));
  const position = lists.map(() => 0);
  const clock = lists.map(() => 0);
  const starts = lists.map(() => -1);
  const work = lists.map(() => 0);
  const ends = new Map<string, number>();
  for (let moved = true; moved;) {
    moved = false;
    lists.forEach((list, s) => {
      for (let block = list[position[s]!]; block !== undefined; block = list[position[s]!]) {
        const inside = new Set(block.map((entry) => `${s} ${word(entry)}`));
        const needs = block.flatMap((entry) => needsOf(one, s, entry)).filter((need) => !inside.has(need));
        const ready = needs.map((need) => ends.get(need));
        if (ready.includes(undefined)) return;
        const start = Math.max(clock[s]!, ...ready.map(Number));
        const duration = block.reduce((sum, entry) => sum + times[passOf(entry)], 0);
        if (starts[s] === -1) starts[s] = start;
        clock[s] = start + duration;
        work[s]! += duration;
        for (const name of inside) ends.set(name, clock[s]);
        position[s]!++;
        moved = true;
      }
    });
  }
  const stuck = lists.reduce((sum, list, s) => sum + list.length - position[s]!, 0);
  return {
    step: Math.max(...clock),
    work: work[0]!,
    starts,
    waits: clock.map((end, s) => end - starts[s]! - work[s]!),
    stuck,
  };
};

/** The list cut where a slot is not joined to the next. */
const blocksIn = (list: readonly Slot[]): Slot[][] => {
  const blocks: Slot[][] = [];
  let isOpen = false;
  for (const entry of list) {
    if (isOpen) blocks.at(-1)!.push(entry);
    else blocks.push([entry]);
    isOpen = isJoined(entry);
  }
  return blocks;
};

/** The stages and chunks that the microbatches of chunk `v` visit, from the embedding to the head. */
const wayOf = ({ name, stages, chunks }: Case, v: number): readonly (readonly [number, number])[] => {
  const down = upTo(stages).map((s) => s - 1);
  const up = down.toReversed();
  if (name === 'dualpipe') return (v === 0 ? down : up).map((s) => [s, v] as const);
  return upTo(chunks).flatMap((chunk) =>
    (name === 'zb-v' && chunk === 2 ? up : down).map((s) => [s, chunk - 1] as const),
  );
};

/** Which passes on which stages must have ended before `entry` can start on stage `s`. */
const needsOf = (one: Case, s: number, entry: Slot): string[] => {
  const m = microbatchOf(entry);
  const v = chunkOf(entry);
  const way = wayOf(one, v);
  const here = way.findIndex(([stage, chunk]) => stage === s && chunk === v);
  const on = (pass: Pass, place: readonly [number, number] | undefined): string[] =>
    place === undefined ? [] : [`${place[0]} ${word(slot(pass, m, modelChunk(place[1])))}`];
  switch (passOf(entry)) {
    case 'forward':
      return on('forward', way[here - 1]);
    case 'backward':
      return [...on('forward', way[here]), ...on('backward', way[here + 1])];
    case 'weight':
      return on('backward', way[here]);
  }
};

/** What a stage holds while it runs a slot: by model chunk, how many microbatches are in flight, and wait for their weight pass. */
interface Moment {
  readonly slot: Slot;
  readonly inFlight: readonly number[];
  readonly pending: readonly number[];
}
const total = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count, 0);
export const inFlightIn = ({ inFlight }: Moment): number => total(inFlight);
export const pendingIn = ({ pending }: Moment): number => total(pending);

export const momentsOf = (list: readonly Slot[], chunks: number): Moment[] => {
  const inFlight = new Array<number>(chunks).fill(0);
  const pending = new Array<number>(chunks).fill(0);
  const isSplit = list.some((entry) => passOf(entry) === 'weight');
  return list.map((entry) => {
    const chunk = chunkOf(entry);
    if (passOf(entry) === 'forward') inFlight[chunk]!++;
    const moment = { slot: entry, inFlight: [...inFlight], pending: [...pending] };
    if (passOf(entry) === 'backward') {
      inFlight[chunk]!--;
      if (isSplit) pending[chunk]!++;
    }
    if (passOf(entry) === 'weight') pending[chunk]!--;
    return moment;
  });
};

/** The moments that no other of the same pass and model chunk exceeds: one of them is the peak, whatever a chunk weighs. */
export const maximaOf = (list: readonly Slot[], chunks: number): string[] => {
  const firsts = new Map<string, Moment>();
  for (const moment of momentsOf(list, chunks)) {
    const key = `${passOf(moment.slot)} ${chunkOf(moment.slot)}: ${heldIn(moment).join(' ')}`;
    if (!firsts.has(key)) firsts.set(key, moment);
  }
  const moments = [...firsts.values()];
  return moments
    .filter((moment) => !moments.some((other) => exceeds(other, moment)))
    .map((moment) => `${word(moment.slot)}: ${heldIn(moment).join(' ')}`)
    .sort();
};
const heldIn = ({ inFlight, pending }: Moment): readonly number[] => [...inFlight, ...pending];

const exceeds = (a: Moment, b: Moment): boolean =>
  passOf(a.slot) === passOf(b.slot) &&
  chunkOf(a.slot) === chunkOf(b.slot) &&
  heldIn(a).every((count, index) => count >= heldIn(b)[index]!) &&
  heldIn(a).some((count, index) => count > heldIn(b)[index]!);
