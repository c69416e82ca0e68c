/** A stage's passes timed one by one as if the rank were alone: what the bound is built from. */
import type { DeviceContext } from '../actors/device-context.ts';
import { finishStep, placeDevice, stageOf } from '../actors/device.ts';
import { finishReductions, publishAhead } from '../actors/pipeline-stage.ts';
import type { PipelineStage } from '../actors/stage-pass.ts';
import { backwardSlot, forwardSlot } from '../actors/stage-pass.ts';
import type { Program } from '../effects/effect.ts';
import type { Moment } from '../memory/moment.ts';
import { Strand } from '../effects/program.ts';
import type { Course } from './kahn-world.ts';
import { course, KahnWorld } from './kahn-world.ts';
import type { MemoryDelta } from '../memory/ledger.ts';
import { Ledger } from '../memory/ledger.ts';
import type { Machine } from './machine.ts';
import { Meter } from './meter.ts';
import type { Profiles } from './profile.ts';

/** What one piece of the step takes. */
export interface Piece {
  readonly nanoseconds: number;
  readonly memory: MemoryDelta;
  readonly meter: Meter;
}
/** A pass of the first microbatch, of the last, and of any other: the ends wait for weights or send gradients off. */
export interface Passes {
  readonly first: Piece;
  readonly middle: Piece;
  readonly last: Piece;
}
export interface StageAlone {
  readonly placed: Piece;
  readonly ahead: Piece;
  /** By model chunk. */
  readonly forward: readonly Passes[];
  readonly backward: readonly Passes[];
  /** What the reductions of chunks other than the first give back of their memory, once all passes are done. */
  readonly settled: readonly Piece[];
  /** From the end of the last pass to the end of the step. */
  readonly tail: Piece;
}

/** Cuts a strand's course into pieces. */
class Scissors {
  readonly #state: Course;
  #start = 0;
  constructor(state: Course) {
    this.#state = state;
  }
  cut(): Piece {
    const { at, ledger, meter } = this.#state;
    const piece = { nanoseconds: at - this.#start, memory: ledger.delta, meter };
    this.#start = at;
    this.#state.ledger = new Ledger();
    this.#state.meter = new Meter();
    return piece;
  }
}

export const stageAlone = (context: DeviceContext, machine: Machine, profiles: Profiles): StageAlone => {
  const state = course(profiles);
  const scissors = new Scissors(state);
  const results: StageAlone[] = [];
  const program = (function* (): Program<void> {
    results.push(yield* passes(context, () => scissors.cut()));
  })();
  new Strand(new KahnWorld(machine, { alone: true }), context.place.rank, state, program).resume(undefined);
  const [result] = results;
  if (result === undefined) throw new Error(`stage ${context.place.stage} waits although it is alone`);
  return result;
};

/** Microbatches that stand for all: the first, the second for those in the middle, and the last. */
const sampled = (microbatches: number): { first: number; middle: number; last: number } => ({
  first: 0,
  middle: Math.min(1, microbatches - 1),
  last: microbatches - 1,
});

/**
 * A stage that has neighbours runs its sampled passes forward, then backward: what it has to send off in between has
 * then at most the time it will really have. A stage that is the whole pipeline runs them as it really does, in turn.
 */
function* passes(context: DeviceContext, cut: () => Piece): Program<StageAlone> {
  const owned = yield* placeDevice(context);
  const placed = cut();
  const stage = stageOf(context, owned);
  yield* publishAhead(stage);
  const ahead = cut();
  const { first, middle, last } = sampled(context.microbatches);
  const samples = [...new Set([first, middle, last])];
  const forwards = new Map<string, Piece>();
  const backwards = new Map<string, Piece>();
  const take = function* (moment: Moment): Program<void> {
    const { pass, microbatch, chunk } = moment;
    const slot = pass === 'forward' ? forwardSlot(stage, moment) : backwardSlot(stage, moment);
    yield* slot;
    (pass === 'forward' ? forwards : backwards).set(`${chunk} ${microbatch}`, cut());
  };
  const chunks = context.chunks.map((_, index) => index);
  const settled: Piece[] = [];
  const isSplit = context.job.layout.pp > 1;
  for (const microbatch of samples) {
    if (microbatch === last && context.microbatches > 3)
      stage.loader.started += (context.microbatches - 3) * readsOf(context);
    for (const chunk of chunks) yield* take({ pass: 'forward', microbatch, chunk });
    if (!isSplit) yield* take({ pass: 'backward', microbatch, chunk: 0 });
  }
  if (isSplit)
    for (const microbatch of samples)
      for (const chunk of chunks.toReversed()) {
        if (microbatch === last && chunk === 0) settled.push(yield* settleStream(stage, cut));
        yield* take({ pass: 'backward', microbatch, chunk });
      }
  yield* finishReductions(stage);
  yield* finishStep(context, owned);
  const of = (pieces: Map<string, Piece>): Passes[] =>
    chunks.map((chunk) => ({
      first: pieces.get(`${chunk} ${first}`)!,
      middle: pieces.get(`${chunk} ${middle}`)!,
      last: pieces.get(`${chunk} ${last}`)!,
    }));
  return { placed, ahead, forward: of(forwards), backward: of(backwards), settled, tail: cut() };
}

/** Waits for the reductions of the other chunks, so that the tail is what chunk 0 alone leaves to do. */
function* settleStream(stage: PipelineStage, cut: () => Piece): Program<Piece> {
  yield* finishReductions(stage);
  stage.reductions.length = 0;
  return cut();
}

/** Reads of the data loader a microbatch. */
const readsOf = ({ chunks }: DeviceContext): number =>
  chunks.reduce((reads, { hasEmbedding, hasHead }) => reads + (hasEmbedding ? 1 : 0) + (hasHead ? 1 : 0), 0);
