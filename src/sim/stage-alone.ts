/** A stage's passes timed one by one as if the rank were alone: what bounds are built from, and what the folded rung replays. */
import { readsOf } from '../actors/data-loader.ts';
import type { DeviceContext } from '../actors/device-context.ts';
import { finishStep, placeDevice, stageOf } from '../actors/device.ts';
import { finishReductions, publishAhead } from '../actors/pipeline-stage.ts';
import { clearLoss } from '../actors/progress.ts';
import { splitsBackward } from '../actors/schedules/schedule.ts';
import type { PipelineStage } from '../actors/stage-pass.ts';
import { backwardSlot, forwardSlot, inputsSlot, weightSlot } from '../actors/stage-pass.ts';
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
import { totalRecord } from '../units/total-record.ts';
import type { PlainTape, Tape } from './tape.ts';
import { plainTape, TapeWriter } from './tape.ts';

/** What one piece of the step takes. */
export interface Piece {
  readonly nanoseconds: number;
  readonly memory: MemoryDelta;
  /** What it leaves behind, over all purposes. */
  readonly growth: number;
  /** Everything counted, waits for the rank's own traffic as long as they are alone. */
  readonly meter: Meter;
  /** The same without waits, which depend on when the piece runs. */
  readonly work: Meter;
  readonly tape: Tape;
  /** The tape in three numbers, if it is no more than to receive, to run and to send. */
  readonly plain: PlainTape | null;
}
/**
 * A pass of the first microbatch, the second, the last, and of any other: the ends wait for weights or send gradients
 * off, and the first two may find less to wait for than those behind them.
 */
export const PASS_PLACES = ['first', 'second', 'middle', 'last'] as const;
export type PassPlace = (typeof PASS_PLACES)[number];
export type Passes = Readonly<Record<PassPlace, Piece>>;
/** `backward` is whole; where a schedule splits it, `inputs` and `weights` are its halves. */
export const PASS_KINDS = ['forward', 'backward', 'inputs', 'weights'] as const;
export type PassKind = (typeof PASS_KINDS)[number];

export interface StageAlone extends Readonly<Record<PassKind, readonly Passes[]>> {
  readonly context: DeviceContext;
  /** All passes in the order of `pieceIndex`; null for those that the schedule has not. */
  readonly pieces: readonly (Piece | null)[];
  readonly placed: Piece;
  readonly ahead: Piece;
  /** What the reductions of chunks other than the first give back of their memory, once all passes are done. */
  readonly settled: readonly Piece[];
  /** From the end of the last pass to the end of the step. */
  readonly tail: Piece;
}

/** Cuts a strand's course into pieces. */
class Scissors {
  readonly #state: Course;
  readonly #tape: TapeWriter;
  #start = 0;
  constructor(state: Course, tape: TapeWriter) {
    this.#state = state;
    this.#tape = tape;
  }
  cut(): Piece {
    const { at, ledger, meter, waited } = this.#state;
    const nanoseconds = at - this.#start;
    this.#start = at;
    this.#state.ledger = new Ledger();
    this.#state.meter = new Meter();
    this.#state.waited = new Meter();
    const tape = this.#tape.cut();
    const memory = ledger.delta;
    const growth = memory.net.reduce((sum, size) => sum + size, 0);
    const work = new Meter();
    work.add(meter);
    work.add(waited, -1);
    return { nanoseconds, memory, growth, meter, work, tape, plain: plainTape(tape) };
  }
}

export const stageAlone = (context: DeviceContext, machine: Machine, profiles: Profiles): StageAlone => {
  const whole = timed(context, { machine, profiles, isSplit: false });
  if (!splitsBackward(context.job.layout.schedule)) return whole;
  const { inputs, weights } = timed(context, { machine, profiles, isSplit: true });
  const all = { ...whole, inputs, weights };
  return { ...all, pieces: inLine(all, context.chunks.length) };
};

const inLine = (passes: Readonly<Record<PassKind, readonly Passes[]>>, chunks: number): readonly (Piece | null)[] =>
  Array.from({ length: chunks }, (_, chunk) =>
    PASS_KINDS.flatMap((kind) => PASS_PLACES.map((place) => passes[kind][chunk]?.[place] ?? null)),
  ).flat();

interface Circumstances {
  readonly machine: Machine;
  readonly profiles: Profiles;
  /** Backward passes leave the weights' gradients to passes of their own. */
  readonly isSplit: boolean;
}

const timed = (context: DeviceContext, { machine, profiles, isSplit }: Circumstances): StageAlone => {
  const tape = new TapeWriter();
  const state = { ...course(profiles), tape };
  const scissors = new Scissors(state, tape);
  const results: StageAlone[] = [];
  const program = (function* (): Program<void> {
    results.push(yield* passes(context, { isSplit, cut: () => scissors.cut() }));
  })();
  new Strand(new KahnWorld(machine, { alone: true }), context.place.rank, state, program).resume(undefined);
  const [result] = results;
  if (result === undefined) throw new Error(`stage ${context.place.stage} waits although it is alone`);
  return result;
};

/** Microbatches of a chunk that stand for all: the first two, the third for those in the middle, and the last. */
const sampled = (microbatches: number): Record<PassPlace, number> => ({
  first: 0,
  second: Math.min(1, microbatches - 1),
  middle: Math.min(2, microbatches - 1),
  last: microbatches - 1,
});

const SLOTS = { forward: forwardSlot, backward: backwardSlot, inputs: inputsSlot, weights: weightSlot } as const;
const MOMENT_PASS = { forward: 'forward', backward: 'backward', inputs: 'backward', weights: 'weight' } as const;

/**
 * A stage that has neighbours runs its sampled passes forward, then backward: what it has to send off in between has
 * then at most the time it will really have. A stage that is the whole pipeline runs them as it really does, in turn.
 */
function* passes(
  context: DeviceContext,
  { isSplit, cut }: { isSplit: boolean; cut: () => Piece },
): Program<StageAlone> {
  const owned = yield* placeDevice(context);
  const placed = cut();
  const stage = stageOf(context, owned);
  yield* clearLoss(owned.progress);
  yield* publishAhead(stage);
  const ahead = cut();
  // The chunks of a stage all see as many microbatches.
  const count = context.ranges[0]!.end - context.ranges[0]!.start;
  const samples = sampled(count);
  const indices = [...new Set(Object.values(samples))];
  const taken = new Map<string, Piece>();
  const take = function* (kind: PassKind, chunk: number, index: number): Program<void> {
    const microbatch = context.ranges[chunk]!.start + index;
    const moment: Moment = { pass: MOMENT_PASS[kind], microbatch, chunk };
    yield* SLOTS[kind](stage, moment);
    taken.set(`${kind} ${chunk} ${index}`, cut());
  };
  const back = function* (chunk: number, index: number): Program<void> {
    if (!isSplit) return yield* take('backward', chunk, index);
    yield* take('inputs', chunk, index);
    yield* take('weights', chunk, index);
  };
  const chunks = context.chunks.map((_, index) => index);
  const settled: Piece[] = [];
  const isAlone = context.job.layout.pp === 1;
  for (const index of indices) {
    if (index === samples.last)
      for (const [chunk, loader] of stage.loaders.entries())
        loader.started += (count - indices.length) * readsOf(context.chunks[chunk]!);
    for (const chunk of chunks) yield* take('forward', chunk, index);
    if (isAlone) yield* back(0, index);
  }
  if (!isAlone)
    for (const index of indices)
      for (const chunk of chunks.toReversed()) {
        if (index === samples.last && chunk === 0) settled.push(yield* settleStream(stage, cut));
        yield* back(chunk, index);
      }
  yield* finishReductions(stage);
  yield* finishStep(context, owned, 1);
  const of = (kind: PassKind): Passes[] => {
    const at = (chunk: number, index: number): Piece | undefined => taken.get(`${kind} ${chunk} ${index}`);
    const all = chunks.map((chunk) => ({
      first: at(chunk, samples.first)!,
      second: at(chunk, samples.second)!,
      middle: at(chunk, samples.middle)!,
      last: at(chunk, samples.last)!,
    }));
    return at(0, samples.first) === undefined ? [] : all;
  };
  const kinds = totalRecord(PASS_KINDS, of);
  return { ...kinds, pieces: inLine(kinds, chunks.length), context, placed, ahead, settled, tail: cut() };
}

/** Waits for the reductions of the other chunks, so that the tail is what chunk 0 alone leaves to do. */
function* settleStream(stage: PipelineStage, cut: () => Piece): Program<Piece> {
  yield* finishReductions(stage);
  stage.reductions.length = 0;
  return cut();
}
