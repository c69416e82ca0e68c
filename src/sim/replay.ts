/**
 * Replays the tapes of a job's stages against each other: each stage plays its slots until it waits for a message that
 * is not there, and then takes the later of its own time and the arrival. Exact without an event queue, as every channel
 * has one writer and nothing contends (Kahn 1974).
 */
import { stageSize } from '../actors/mesh.ts';
import type { ChunkPlace } from '../actors/schedules/placement.ts';
import { neighbourOf } from '../actors/schedules/placement.ts';
import { chunkOf } from '../actors/schedules/slot.ts';
import type { LinkRate } from '../collectives/link-rate.ts';
import { pushTime } from '../collectives/link-rate.ts';
import type { Job } from '../scenario/job.ts';
import { microbatchesOf } from '../scenario/job.ts';
import type { Seconds } from '../units/quantity.ts';
import { bytes, instantZero, later } from '../units/quantity.ts';
import { Beside } from './beside.ts';
import type { Machine } from './machine.ts';
import { linkBetween } from './machine.ts';
import { Meetings } from './meetings.ts';
import { Meter } from './meter.ts';
import type { Room } from './room.ts';
import type { SlotCache, SlotList, SlotLists } from './slots.ts';
import { isForwardMessage, NO_PIECE, slotLists } from './slots.ts';
import type { Piece } from './stage-alone.ts';
import type { TimedStage } from './stages.ts';
import type { Instruction, Tape } from './tape.ts';

export interface ReplayCache extends SlotCache {
  readonly arrivals: Room;
}

/** How a stage's step went, in nanoseconds. */
export interface StageCourse {
  readonly at: number;
  /** When its first backward began and when its last forward ended. */
  readonly filledAt: number;
  readonly drainsAt: number;
  readonly waits: Meter;
}

interface Context {
  readonly machine: Machine;
  readonly cache: ReplayCache;
}

export const replay = (job: Job, stages: readonly TimedStage[], context: Context): readonly StageCourse[] => {
  const score = scoreOf(job, context);
  const players = stages.map((timed) => new Player(score, timed));
  const ready = [...players];
  score.wake = (stage) => ready.push(players[stage]!);
  for (let player = ready.shift(); player !== undefined; player = ready.shift()) player.play();
  const stuck = players.filter(({ isDone }) => !isDone).map(({ stage }) => stage);
  if (stuck.length > 0) throw new Error(`deadlock: stages ${stuck.join(', ')} wait for messages that nobody sends`);
  return players;
};

/** What all stages play from, and where they leave messages for each other. */
interface Score {
  readonly job: Job;
  readonly machine: Machine;
  readonly lists: SlotLists;
  /** Messages that one stage gets. */
  readonly perStage: number;
  /** When each message arrives, stage by stage; -1 until that is known. */
  readonly arrivals: Float64Array;
  /** The messages after the last slot, by receiving stage. */
  readonly mail: readonly number[][];
  /** Where all stages wait for each other, in the order of the step. */
  readonly meetings: Meetings;
  /** The message that a stage waits for: an index of `arrivals`, `MAIL`, `MEETING`, or -1 for none. */
  readonly awaited: Int32Array;
  wake: (stage: number) => void;
}
const MAIL = -2;
const MEETING = -3;

const scoreOf = (job: Job, { machine, cache }: Context): Score => {
  const { pp, vp } = job.layout;
  const microbatches = microbatchesOf(job);
  const perStage = vp * microbatches * 2;
  return {
    job,
    machine,
    lists: slotLists(job.layout, microbatches, cache),
    perStage,
    arrivals: cache.arrivals.ofLength(pp * perStage),
    mail: Array.from({ length: pp }, () => []),
    meetings: new Meetings(pp),
    awaited: new Int32Array(pp).fill(-1),
    wake: () => undefined,
  };
};

/** Where the messages of a chunk's passes go. */
interface Way {
  readonly stage: number;
  /** From a message of the sending chunk to the one that it becomes. */
  readonly offset: number;
  readonly link: LinkRate;
  readonly latency: number;
  /** The size of the last message and how long it took to push: mostly those of the next one too. */
  size: number;
  push: number;
}

/** One stage: its own clock, the lane to its neighbours, and the stream of its other traffic. */
class Player implements StageCourse {
  at = 0;
  filledAt = -1;
  drainsAt = 0;
  readonly waits = new Meter();
  readonly stage: number;
  readonly #score: Score;
  readonly #list: SlotList;
  readonly #pieces: readonly (Piece | null)[];
  /** By chunk: to the next one, and to the one before. */
  readonly #ways: readonly { readonly forward: Way | null; readonly backward: Way | null }[];
  readonly #mirror: Way;
  readonly #ahead: Tape;
  readonly #tail: Tape;
  readonly #beside = new Beside();
  /** The slot to play: before the first one what is sent ahead, behind the last one the tail. */
  #cursor = -1;
  /** The instruction within its tape. */
  #line = 0;
  #lane = 0;

  constructor(score: Score, timed: TimedStage) {
    const { layout } = score.job;
    this.#score = score;
    this.stage = timed.stage;
    this.#list = score.lists.of(timed.stage);
    this.#pieces = timed.alone.pieces;
    this.#ways = Array.from({ length: layout.vp }, (_, chunk) => {
      const place = { stage: timed.stage, chunk };
      return { forward: this.#wayTo(place, 1), backward: this.#wayTo(place, -1) };
    });
    const { ahead, settled, tail } = timed.alone;
    this.#ahead = ahead.tape;
    this.#tail = [...settled.flatMap(({ tape }) => tape), ...tail.tape];
    this.#mirror = this.#way(layout.pp - 1 - timed.stage, 0);
  }

  get isDone(): boolean {
    return this.#cursor > this.#list.slots.length;
  }

  /** Goes on until a message is missing or the step is done. */
  play(): void {
    const { length } = this.#list.slots;
    for (; this.#cursor <= length; this.#cursor++) {
      const at = this.#cursor;
      const isDone = this.#isSlot(at) ? this.#playSlot(at) : this.#playTape(at < 0 ? this.#ahead : this.#tail);
      if (!isDone) return;
      this.#line = 0;
    }
  }

  #isSlot(index: number): boolean {
    return index >= 0 && index < this.#list.slots.length;
  }

  /** False when it has to wait. */
  #playSlot(index: number): boolean {
    const at = this.#list.pieces[index]!;
    if (at === NO_PIECE) return true;
    const piece = this.#pieces[at]!;
    const isForward = isForwardMessage(this.#list.messages[index]!);
    if (this.filledAt < 0 && !isForward) this.filledAt = this.at;
    const { plain } = piece;
    if (plain === null) {
      if (!this.#playTape(piece.tape)) return false;
    } else {
      if (plain.receives && !this.#receive(index)) return false;
      this.at += plain.nanoseconds;
      if (plain.sends !== null) this.#send(index, plain.sends);
    }
    if (isForward) this.drainsAt = this.at;
    return true;
  }

  #playTape(tape: Tape): boolean {
    for (; this.#line < tape.length; this.#line++) if (!this.#follow(tape[this.#line]!)) return false;
    return true;
  }

  /** False for a message that is not there. Ahead of the first slot and behind the last messages are mail. */
  #follow(instruction: Instruction): boolean {
    const index = this.#cursor;
    const isSlot = this.#isSlot(index);
    switch (instruction.kind) {
      case 'run':
        this.at += instruction.nanoseconds;
        return true;
      case 'receive':
        return isSlot ? this.#receive(index) : this.#receiveMail();
      case 'send':
        if (isSlot) this.#send(index, instruction.size);
        else this.#sendMail(instruction.size);
        return true;
      case 'meet':
        return this.#meet(instruction.nanoseconds);
      case 'start':
        this.#beside.start(instruction, this.at);
        return true;
      case 'wait':
        this.#waitUntil(this.#beside.endOf(instruction.name), instruction.term);
        return true;
      default:
        return instruction satisfies never;
    }
  }

  /** False until the last stage has come. What all do together is timed as if it had begun only then. */
  #meet(busy: number): boolean {
    const { meetings, awaited } = this.#score;
    const begun = meetings.come(this.stage, this.at);
    if (begun === null) {
      awaited[this.stage] = MEETING;
      return false;
    }
    for (let stage = 0; stage < awaited.length; stage++) this.#wakeFor(stage, MEETING);
    this.#waitUntil(begun, 'bubble');
    this.at += busy;
    return true;
  }

  #waitUntil(end: number, term: Parameters<Meter['spend']>[0]): void {
    if (end <= this.at) return;
    this.waits.spend(term, end - this.at);
    this.at = end;
  }

  #receive(index: number): boolean {
    const { arrivals, awaited, perStage } = this.#score;
    const message = this.stage * perStage + this.#list.messages[index]!;
    const arrival = arrivals[message]!;
    if (arrival < 0) {
      awaited[this.stage] = message;
      return false;
    }
    this.#waitUntil(arrival, 'bubble');
    return true;
  }

  #send(index: number, size: number): void {
    const message = this.#list.messages[index]!;
    const { forward, backward } = this.#ways[chunkOf(this.#list.slots[index]!)]!;
    const way = isForwardMessage(message) ? forward : backward;
    if (way === null) throw new Error(`stage ${this.stage} sends beyond the end of the model`);
    const received = message + way.offset;
    this.#score.arrivals[received] = this.#push(size, way);
    this.#wakeFor(way.stage, received);
  }

  #receiveMail(): boolean {
    const arrival = this.#score.mail[this.stage]!.shift();
    if (arrival === undefined) {
      this.#score.awaited[this.stage] = MAIL;
      return false;
    }
    this.#waitUntil(arrival, 'bubble');
    return true;
  }
  #sendMail(size: number): void {
    this.#score.mail[this.#mirror.stage]!.push(this.#push(size, this.#mirror));
    this.#wakeFor(this.#mirror.stage, MAIL);
  }

  /** When a message that is sent now arrives. */
  #push(size: number, way: Way): number {
    if (size !== way.size) {
      way.size = size;
      way.push = nanoseconds(pushTime(bytes(size), way.link));
    }
    this.#lane = Math.max(this.at, this.#lane) + way.push;
    return this.#lane + way.latency;
  }
  #wakeFor(stage: number, index: number): void {
    const { awaited, wake } = this.#score;
    if (awaited[stage] !== index) return;
    awaited[stage] = -1;
    wake(stage);
  }

  #wayTo(place: ChunkPlace, step: 1 | -1): Way | null {
    const neighbour = neighbourOf(this.#score.job.layout, place, step);
    return neighbour === null ? null : this.#way(neighbour.stage, neighbour.chunk - place.chunk);
  }
  /** To a stage, so many chunks further. */
  #way(stage: number, chunks: number): Way {
    const { job, machine, perStage } = this.#score;
    const size = stageSize(job.layout);
    const link = linkBetween(machine, this.stage * size, stage * size);
    const offset = stage * perStage + (chunks * perStage) / job.layout.vp;
    return { stage, offset, link, latency: nanoseconds(link.latency), size: -1, push: 0 };
  }
}

const nanoseconds = (time: Seconds): number => later(instantZero, time);
